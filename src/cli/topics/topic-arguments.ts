import { isDuration, parseDuration } from '../../core/duration.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { CommandInput } from '../command.ts'

const MAX_DEFAULT = 20

/** The topic that is named, and nothing else. @throws TF_USAGE */
export function onlyTopic(action: string, names: readonly string[]): string {
  const [topic, ...more] = names
  if (topic !== undefined && more.length === 0) return topic
  throw new TenfoldError('TF_USAGE', `expected ${action} TOPIC, got ${names.length} names`, {
    hint: `write for example: tenfold topics ${action} order_placed`,
  })
}

/** `--group`; undefined: not given. */
export function groupIn({ options }: CommandInput): string | undefined {
  const { group } = options
  return typeof group === 'string' ? group : undefined
}

/** `--max`. @throws TF_USAGE */
export function maxIn({ options }: CommandInput): number {
  const { max } = options
  if (typeof max !== 'string') return MAX_DEFAULT
  const count = Number(max)
  if (/^\d+$/.test(max) && count >= 1 && count <= 1_000) return count
  throw new TenfoldError('TF_USAGE', `expected --max to be a whole number from 1 to 1000, got ${JSON.stringify(max)}`, {
    hint: 'write it like --max 100',
  })
}

/**
 * A time as people write it. Without a zone it is UTC.
 *
 * @param nowEpochMs what "2h" ago is counted from
 * @throws TF_USAGE
 */
export function timeIn(text: string, nowEpochMs: number): 'beginning' | 'now' | { readonly epochMs: number } {
  if (text === 'beginning' || text === 'now') return text
  if (isDuration(text)) return { epochMs: nowEpochMs - parseDuration(text) }
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text)
  const epochMs = parts === null ? Number.NaN : Date.parse(`${parts[1]}T${parts[2] ?? '00:00'}${parts[3] ?? 'Z'}`)
  if (Number.isFinite(epochMs)) return { epochMs }
  throw new TenfoldError('TF_USAGE', `expected a time, beginning or now, got ${JSON.stringify(text)}`, {
    hint: 'write it like 2026-05-01T12:00:00Z, or how long ago it was, such as 2h',
  })
}

/** A time for people: UTC, to the millisecond. */
export function timeText(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
