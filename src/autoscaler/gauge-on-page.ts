import type { ResolvedGauge } from '../blueprint/resolved-scale.ts'
import { TenfoldError } from '../core/errors.ts'

/** `{a="1",b="2"}` or nothing, a value, perhaps a time in milliseconds. */
const REST = /^(?:\{(?<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(?<value>\S+)(?:[ \t]+-?\d+)?[ \t]*$/
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)/y

/**
 * The value of a gauge on a page in the text format of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): the sum of all its series that have the labels. Only
 * lines of that name are read. Pure.
 *
 * @throws TF_SIGNAL_UNREADABLE when it is not there, is of another kind, or what is written is no number
 * @example gaugeOnPage('jobs_waiting{queue="mail"} 3\n', { name: 'jobs_waiting', from: '/metrics', labels: {} }) // 3
 */
export function gaugeOnPage(page: string, { name, labels }: ResolvedGauge): number {
  let sum: number | undefined
  for (const line of page.split('\n')) {
    if (line.startsWith('#')) checkType(line, name)
    else if (line.startsWith(name) && /^[ \t{]/.test(line.slice(name.length))) {
      const value = valueOf(line, name, labels)
      if (value !== undefined) sum = (sum ?? 0) + value
    }
  }
  if (sum !== undefined) return sum
  const wanted = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  throw unreadable(
    `expected a gauge ${name}${wanted.length === 0 ? '' : `{${wanted.join(',')}}`}, got none of that name`,
  )
}

/** Undefined for a series that is not meant. */
function valueOf(line: string, name: string, wanted: ResolvedGauge['labels']): number | undefined {
  const { labels = '', value = '' } = REST.exec(line.slice(name.length).trimEnd())?.groups ?? {}
  const given = labelsOf(labels)
  const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) ? Number(value) : Number.NaN
  if (given === undefined || (!Number.isFinite(number) && !isSpecial(value))) {
    throw unreadable(`expected a line of ${name} to be a number with labels, got ${JSON.stringify(line.slice(0, 100))}`)
  }
  if (Object.entries(wanted).some(([label, text]) => given.get(label) !== text)) return undefined
  if (Number.isFinite(number)) return number
  throw unreadable(`expected ${name} to be a number, got ${value}`)
}

function labelsOf(text: string): ReadonlyMap<string, string> | undefined {
  const labels = new Map<string, string>()
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.trimEnd().length) {
    const [, label, value] = LABEL.exec(text) ?? []
    if (label === undefined || value === undefined) return undefined
    labels.set(
      label,
      value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    )
  }
  return labels
}

function isSpecial(value: string): boolean {
  return /^(?:NaN|[+-]?Inf(?:inity)?)$/i.test(value)
}

/** A counter only rises, so that more instances would never bring it down. */
function checkType(line: string, name: string): void {
  const [, of, type] = /^#[ \t]+TYPE[ \t]+(\S+)[ \t]+(\S+)/.exec(line) ?? []
  if (of !== name || type === 'gauge' || type === 'untyped' || type === 'unknown') return
  throw unreadable(`expected ${name} to be a gauge, got a ${type}`)
}

function unreadable(message: string): TenfoldError {
  return new TenfoldError('TF_SIGNAL_UNREADABLE', message, {
    hint: 'publish it in the text format of Prometheus, or correct "scale" in the blueprint',
  })
}
