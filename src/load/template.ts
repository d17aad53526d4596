import type { JsonTemplate } from '../blueprint/scenario.ts'

/** The values of one session, each at the slot of its name. */
export type Values = readonly unknown[]

/** Gives each name that a placeholder may use its slot; unknown names are the caller's error to report. */
export type SlotOf = (name: string) => number

/** A text with placeholders, compiled once and rendered for every request. */
export interface Template {
  /** The text where it is always the same. */
  readonly constant: string | undefined
  /** Placeholders in it: all must have a value before `render` is called. */
  readonly needs: readonly { slot: number; name: string }[]
  render(values: Values): string
}

/** How a value is written where its placeholder stands. */
export type Encoding = 'percent' | 'header' | 'json' | 'json-text'

/** A placeholder: `{{user.id}}`. */
const PLACEHOLDER = /\{\{\s*([^{}]+?)\s*\}\}/g

const ENCODINGS: Readonly<Record<Encoding, (value: unknown) => string>> = {
  /** In a path or query: RFC 3986, so that no value can change the structure of the URL. */
  percent: (value) => encodeURIComponent(textOf(value)),
  /** In a header: line breaks, which would start another field, become blanks (RFC 9110, 5.5). */
  // oxlint-disable-next-line no-control-regex
  header: (value) => textOf(value).replace(/[\r\n\0]/g, ' '),
  /** A whole JSON value, its type kept. */
  json: (value) => JSON.stringify(value),
  /** Inside a JSON text. */
  'json-text': (value) => JSON.stringify(textOf(value)).slice(1, -1),
}

interface Placeholder {
  readonly slot: number
  readonly name: string
  readonly encode: (value: unknown) => string
}

/**
 * Compiles a text.
 *
 * @example compileText('/users/{{user.id}}', 'percent', slotOf).render(['a b']) // '/users/a%20b'
 */
export function compileText(text: string, encoding: Encoding, slotOf: SlotOf): Template {
  return templateOf(splitText(text, encoding, slotOf))
}

/**
 * Compiles a JSON template to the text of its JSON. A text that is exactly one placeholder becomes the value itself.
 *
 * @example compileJson({ id: '{{user.id}}', note: 'for {{user.id}}' }, slotOf).render([7]) // '{"id":7,"note":"for 7"}'
 */
export function compileJson(json: JsonTemplate, slotOf: SlotOf): Template {
  const parts: (string | Placeholder)[] = []
  writeJson(json, slotOf, parts)
  return templateOf(parts)
}

/** Names in the placeholders of a text. */
export function placeholdersIn(text: string): string[] {
  return Array.from(text.matchAll(PLACEHOLDER), (match) => match[1] as string)
}

function writeJson(json: JsonTemplate, slotOf: SlotOf, parts: (string | Placeholder)[]): void {
  if (typeof json === 'string') {
    const split = splitText(json, 'json-text', slotOf)
    const [only] = split
    if (split.length === 1 && typeof only === 'object') parts.push({ ...only, encode: ENCODINGS.json })
    else parts.push('"', ...split.map((part) => (typeof part === 'string' ? escapeJson(part) : part)), '"')
  } else if (Array.isArray(json)) {
    json.forEach((item: JsonTemplate, index) => {
      parts.push(index === 0 ? '[' : ',')
      writeJson(item, slotOf, parts)
    })
    parts.push(json.length === 0 ? '[]' : ']')
  } else if (typeof json === 'object' && json !== null) {
    const entries = Object.entries(json)
    entries.forEach(([key, value], index) => {
      parts.push(`${index === 0 ? '{' : ','}${JSON.stringify(key)}:`)
      writeJson(value, slotOf, parts)
    })
    parts.push(entries.length === 0 ? '{}' : '}')
  } else {
    parts.push(JSON.stringify(json))
  }
}

function splitText(text: string, encoding: Encoding, slotOf: SlotOf): (string | Placeholder)[] {
  const parts: (string | Placeholder)[] = []
  let at = 0
  for (const match of text.matchAll(PLACEHOLDER)) {
    if (match.index > at) parts.push(text.slice(at, match.index))
    const name = match[1] as string
    parts.push({ slot: slotOf(name), name, encode: ENCODINGS[encoding] })
    at = match.index + match[0].length
  }
  if (at < text.length) parts.push(text.slice(at))
  return parts
}

function templateOf(split: readonly (string | Placeholder)[]): Template {
  const parts = joinTexts(split)
  const needs = parts.filter((part) => typeof part === 'object')
  const constant = needs.length === 0 ? parts.join('') : undefined
  return {
    constant,
    needs,
    render(values) {
      if (constant !== undefined) return constant
      let text = ''
      for (const part of parts) text += typeof part === 'string' ? part : part.encode(values[part.slot])
      return text
    },
  }
}

function joinTexts(parts: readonly (string | Placeholder)[]): (string | Placeholder)[] {
  const joined: (string | Placeholder)[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part
    else joined.push(part)
  }
  return joined
}

function escapeJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
