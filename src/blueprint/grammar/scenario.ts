import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { JsonTemplate, Step } from '../scenario.ts'
import type { Reader } from './reader.ts'
import { list, object, oneOf, oneOrMore, record } from './reader.ts'
import { duration, number, positive, text } from './value.ts'

export interface ReadScenario {
  readonly name: string | undefined
  readonly feeds: ReadonlyMap<string, ReadFeed | undefined> | undefined
  readonly steps: readonly ReadStep[] | undefined
}

export interface ReadFeed {
  readonly sequence: unknown
  readonly rows: readonly ReadonlyMap<string, string | number | undefined>[] | undefined
  readonly file: string | undefined
}

export interface ReadStep {
  readonly name: string | undefined
  readonly method: Step['method'] | undefined
  readonly path: string | undefined
  readonly headers: ReadonlyMap<string, string | undefined> | undefined
  readonly json: JsonTemplate | undefined
  readonly extract: ReadonlyMap<string, unknown> | undefined
  readonly check: { readonly status: readonly number[] | undefined } | undefined
  readonly code: { readonly module: string | undefined } | undefined
}

const JSON_DEPTH_MAX = 32
const IDENTIFIER = { pattern: /^[A-Za-z_]\w*$/, says: 'a name of letters, digits and _' }
const COLUMN = { pattern: /^[^{}]*[^{}\s]$/, says: 'the name of a column, without braces' }
const JSON_PATH = { pattern: /^/, says: 'a path' }
const HEADER = { pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, says: 'the name of a header' }

const whole = number({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, isInteger: true })
const pick = oneOf('random', 'sequential')

const sequence: Reader<unknown> = (given, place) => {
  const read = object({ what: 'a sequence', options: { from: whole, to: whole }, required: ['from', 'to'] })(
    given,
    place,
  )
  if (read?.from !== undefined && read.to !== undefined && read.to < read.from) {
    place.at('to').invalid(`expected 'from', ${read.from}, or more, got ${read.to}`, "swap 'from' and 'to'")
  }
  return read
}

const feed: Reader<ReadFeed> = exactlyOne(
  ['sequence', 'rows', 'file'],
  object({
    what: 'a feed',
    options: {
      pick,
      sequence,
      rows: list('rows', record('columns', scalar<string | number>('text or a number', ['string', 'number']), COLUMN), {
        min: 1,
      }),
      file: text('a CSV file'),
    },
  }),
)

const extract = exactlyOne(
  ['json', 'header', 'regex'],
  object({
    what: 'an extract',
    options: {
      json: jsonPath,
      header: text('a header'),
      regex,
      pick: oneOf('first', 'random'),
    },
  }),
)

const check = object({
  what: 'a check',
  options: {
    status: oneOrMore('status codes', number({ min: 100, max: 599, isInteger: true })),
    json: record('values', jsonScalar, JSON_PATH),
    bodyContains: text('text'),
  },
})

const step: Reader<ReadStep> = (given, place) => {
  const read = object({
    what: 'a step',
    options: {
      name: text('a name'),
      method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'),
      path: stepPath,
      headers: record('headers', headerValue, HEADER),
      json: (value: unknown, at: Place) => jsonTemplate(value, at, 0),
      extract: record('values to keep', extract, IDENTIFIER),
      check,
      think: object({
        what: 'think time',
        options: { mean: duration, distribution: oneOf('exponential', 'uniform', 'constant') },
        required: ['mean'],
      }),
      code: object({
        what: "an escape hatch such as { module: './sign.ts', export: 'sign' }",
        options: { module: text('a module'), export: text('the name of an export') },
        required: ['module', 'export'],
      }),
    },
    required: ['name', 'path'],
  })(given, place)
  const { method = 'GET' } = read ?? {}
  if (read?.json !== undefined && (method === 'GET' || method === 'HEAD')) {
    place.at('json').invalid(`expected no body with ${method}, got one`, "add method: 'POST', or remove 'json'")
  }
  return read
}

/** A scenario and what can be seen from its parts one by one. */
export const scenario: Reader<ReadScenario> = object({
  what: 'a scenario',
  options: {
    name: text('a name'),
    weight: positive('a weight', 1_000_000),
    feeds: record('feeds', feed, IDENTIFIER),
    steps: list('steps', step, { min: 1 }),
  },
  required: ['name', 'steps'],
})

/** Of several options that say the same in different ways, one has to be there. */
function exactlyOne<Read extends object>(names: readonly (keyof Read & string)[], reader: Reader<Read>): Reader<Read> {
  return (given, place) => {
    const before = place.problemCount
    const read = reader(given, place)
    if (read === undefined || place.problemCount > before) return read
    const found = names.filter((name) => read[name] !== undefined)
    if (found.length === 1) return read
    const got = found.length === 0 ? 'none' : found.map((name) => `'${name}'`).join(' and ')
    return place.invalid(
      `expected exactly one of ${names.map((name) => `'${name}'`).join(', ')}, got ${got}`,
      found.length === 0 ? 'add one of them' : 'keep one of them',
    )
  }
}

function stepPath(given: unknown, place: Place): string | undefined {
  const path = text('a path')(given, place)
  if (path === undefined || path.startsWith('/') || path.startsWith('{{')) return path
  const hint = /^https?:/.test(path)
    ? 'leave out the scheme and the host: requests go to the gateway'
    : `write '/${path}'`
  return place.invalid(`expected a path that starts with '/', got ${describeValue(path)}`, hint)
}

function headerValue(given: unknown, place: Place): string | undefined {
  if (typeof given === 'string' && !/[\r\n\0]/.test(given)) return given
  return place.invalid(
    `expected text on one line, got ${typeof given === 'string' ? 'several lines' : describeValue(given)}`,
    'write it in quotes',
  )
}

/** The empty path is the whole body. */
function jsonPath(given: unknown, place: Place): string | undefined {
  if (typeof given === 'string') return given
  return place.invalid(
    `expected a path such as 'items.*.id', got ${describeValue(given)}`,
    'write it as text, in quotes',
  )
}

function regex(given: unknown, place: Place): string | undefined {
  const source = text('a regular expression')(given, place)
  if (source === undefined) return undefined
  try {
    // With an empty alternative it matches anything, and the match has one element for each group.
    if (new RegExp(`${source}|`).exec('')!.length > 1) return source
  } catch (error) {
    return place.invalid(
      `expected a regular expression, got ${describeValue(source)}: ${(error as Error).message}`,
      'correct the expression',
    )
  }
  return place.invalid(
    `expected a regular expression with a group, got ${describeValue(source)}`,
    'put what is to be kept in ( )',
  )
}

function scalar<Value>(what: string, kinds: readonly string[]): Reader<Value> {
  return (given, place) =>
    kinds.includes(typeof given) && (typeof given !== 'number' || Number.isFinite(given))
      ? (given as Value)
      : place.invalid(`expected ${what}, got ${describeValue(given)}`, `write ${what}`)
}

const notNull = scalar<string | number | boolean>('text, a number, true, false or null', [
  'string',
  'number',
  'boolean',
])

/** A record keeps what is not undefined, so null is kept. */
function jsonScalar(given: unknown, place: Place): string | number | boolean | null | undefined {
  return given === null ? null : notNull(given, place)
}

function jsonTemplate(given: unknown, place: Place, depth: number): JsonTemplate | undefined {
  if (depth > JSON_DEPTH_MAX) {
    return place.invalid(`expected at most ${JSON_DEPTH_MAX} levels, got more`, 'does it contain itself?')
  }
  if (typeof given !== 'object' || given === null) return jsonScalar(given, place)
  const before = place.problemCount
  for (const [key, element] of Object.entries(given)) {
    if (element !== undefined) jsonTemplate(element, place.at(Array.isArray(given) ? Number(key) : key), depth + 1)
  }
  return place.problemCount === before ? (given as JsonTemplate) : undefined
}
