import { TenfoldError } from '../core/errors.ts'

/** Which state of the data is wanted. */
export type RestoreTarget =
  /** Everything that was archived. */
  | { readonly kind: 'latest' }
  /** All that had been committed at this moment, and nothing later. */
  | { readonly kind: 'time'; readonly epochMs: number }
  /** Up to this position of the log. */
  | { readonly kind: 'lsn'; readonly lsn: string }
  /** A point that was named, or the end of a backup of this name. */
  | { readonly kind: 'name'; readonly name: string }

const NAME = /^[A-Za-z0-9][\w.-]{0,62}$/

/**
 * What stands after `--to`.
 *
 * A time without a zone is refused: at three in the night, nobody should have to guess.
 *
 * @throws TF_USAGE
 * @example parseTarget('2026-11-22T23:19:00Z') // { kind: 'time', epochMs: … }
 * @example parseTarget('0/5000028') // { kind: 'lsn', lsn: '0/5000028' }
 */
export function parseTarget(text: string): RestoreTarget {
  if (text === 'latest') return { kind: 'latest' }
  if (/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/.test(text)) return { kind: 'lsn', lsn: text }
  if (/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(text)) return { kind: 'time', epochMs: parseTime(text) }
  if (NAME.test(text)) return { kind: 'name', name: text }
  throw invalid(text)
}

/** Whether a point may be called so: what `parseTarget` takes for something else would never be found. */
export function isPointName(name: string): boolean {
  return NAME.test(name) && name !== 'latest' && !/^\d{8}T\d{6}Z$/.test(name) && !/^\d{4}-\d{2}-\d{2}/.test(name)
}

function parseTime(text: string): number {
  const isZoned = /(Z|[+-]\d{2}:?\d{2})$/.test(text)
  const epochMs = isZoned ? Date.parse(text.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(epochMs)) throw invalid(text)
  return epochMs
}

function invalid(text: string): TenfoldError {
  return new TenfoldError(
    'TF_USAGE',
    `expected --to to be a time with its zone, a position such as 0/5000028, a name or latest, got ${JSON.stringify(text)}`,
    { hint: 'write for example --to 2026-11-22T23:19:00Z' },
  )
}
