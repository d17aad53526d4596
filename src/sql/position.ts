import { TenfoldError } from '../core/errors.ts'
import type { Session } from './session.ts'

/**
 * How far a server is: what has been committed there, or replayed. A later term is further, whatever its log says,
 * because a server knows of a term only from the log of its primary.
 */
export interface Position {
  /** Of the primary whose history the server has; 0 where nobody counts. */
  readonly term: number
  /** Byte of the write-ahead log. */
  readonly lsn: bigint
}

/**
 * A position as text, to be carried in a header, a cookie or an event: `'3-16B3748'`, and from a replica also when it was
 * read, `'3-16B3748.19AB01C2D40'`. Whoever reads with it sees at least what had been committed, or read, when it was given.
 */
export type ReadToken = string

/** What a token says. */
export interface TokenPosition extends Position {
  /**
   * When it was read on a server that follows another (epoch, ms): what had been committed until then may have been shown
   * there before its primary shows it.
   */
  readonly seenEpochMs?: number | undefined
}

/** Where a server is, and whether it follows another. */
export interface ServerPosition extends TokenPosition {
  readonly isInRecovery: boolean
}

/** Negative if `a` is behind `b`, 0 if they are the same. */
export function comparePositions(a: Position, b: Position): number {
  if (a.term !== b.term) return a.term - b.term
  return a.lsn === b.lsn ? 0 : a.lsn < b.lsn ? -1 : 1
}

/** @example formatToken({ term: 3, lsn: 0x16b3748n }) // '3-16B3748' */
export function formatToken({ term, lsn, seenEpochMs }: TokenPosition): ReadToken {
  const seen = seenEpochMs === undefined ? '' : `.${hexOf(BigInt(seenEpochMs))}`
  return `${term}-${hexOf(lsn)}${seen}`
}

/** Undefined for what is no token: it may come from anybody. */
export function parseToken(token: string): TokenPosition | undefined {
  const [, term, lsn, seen] = /^(\d{1,15})-([0-9A-F]{1,16})(?:\.([0-9A-F]{1,12}))?$/.exec(token) ?? []
  if (term === undefined || lsn === undefined) return undefined
  const position = { term: Number(term), lsn: BigInt(`0x${lsn}`) }
  return seen === undefined ? position : { ...position, seenEpochMs: Number.parseInt(seen, 16) }
}

/** The position that a caller has given. @throws TF_OPTION_INVALID */
export function requireToken(token: ReadToken): TokenPosition {
  const position = parseToken(token)
  if (position !== undefined) return position
  throw new TenfoldError('TF_OPTION_INVALID', `expected a token such as 3-16B3748, got '${token.slice(0, 40)}'`, {
    hint: 'pass on what token() gave, unchanged; for what comes from a client use readTokens(request)',
  })
}

/** One token for both: whoever reads after it sees what either stands for. */
export function laterToken(a: ReadToken, b: ReadToken): ReadToken {
  const [one, other] = [requireToken(a), requireToken(b)]
  const { term, lsn } = comparePositions(one, other) >= 0 ? one : other
  // Also of the earlier one: what it has seen on a replica may be hidden where the later one was given.
  const seen = Math.max(one.seenEpochMs ?? -1, other.seenEpochMs ?? -1)
  return formatToken({ term, lsn, seenEpochMs: seen < 0 ? undefined : seen })
}

function hexOf(number: bigint): string {
  return number.toString(16).toUpperCase()
}

const LOG = `select pg_is_in_recovery() as follows,
  (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end - '0/0')::text as lsn,
  case when pg_is_in_recovery() then ceil(extract(epoch from clock_timestamp()) * 1000)::text end as seen`

/**
 * Asks a server where it is. The order is safe: the term is that of the statement's snapshot, the place in the log is
 * read after it.
 *
 * @param hasTerms whether the server has the table `tenfold.term`; without, the term is 0
 */
export async function askPosition(session: Pick<Session, 'ask'>, hasTerms: boolean): Promise<ServerPosition> {
  const text = hasTerms ? `${LOG}, (select max(term) from tenfold.term)::int as term` : LOG
  const { rows } = await session.ask<{
    follows: boolean
    lsn: string | null
    seen: string | null
    term?: number | null
  }>(text)
  const [{ follows, lsn, seen, term } = { follows: true, lsn: null, seen: null }] = rows
  const position = { isInRecovery: follows, lsn: BigInt(lsn ?? 0), term: term ?? 0 }
  return seen === null ? position : { ...position, seenEpochMs: Number(seen) }
}
