import type { Clock } from '../core/clock.ts'
import { sleep, withTimeout } from '../core/clock.ts'
import type { TenfoldError } from '../core/errors.ts'
import { hasCode } from '../core/errors.ts'
import type { Position } from './position.ts'
import { isServerError } from './sql-failure.ts'
import type { SqlResult } from './session.ts'

/**
 * Names a transaction whose COMMIT was sent: `'3-16B3748-812'`, from `details.transaction` of `TF_COMMIT_INDETERMINATE`.
 */
export type CommitToken = string

/** What became of a transaction. `unknown` says that nobody can tell, now or ever. */
export type CommitStatus = 'committed' | 'not-committed' | 'unknown'

/** A transaction: its id, and where the log of that term's primary was just before COMMIT was sent. */
export interface SentCommit extends Position {
  readonly id: bigint
}

/** What the present primary knows of a transaction. */
export interface CommitEvidence {
  /** `pg_xact_status`; `future`: no transaction has got so far here; undefined: forgotten, which takes millions of others. */
  readonly status: 'committed' | 'aborted' | 'in progress' | 'future' | undefined
  readonly term: number
  /** Where the log of the transaction's term ends on this primary; undefined where the term goes on, or nobody noted it. */
  readonly endLsn: bigint | undefined
}

/** @example formatCommitToken({ id: 812n, term: 3, lsn: 0x16b3748n }) // '3-16B3748-812' */
export function formatCommitToken({ id, term, lsn }: SentCommit): CommitToken {
  return `${term}-${lsn.toString(16).toUpperCase()}-${id}`
}

/** Reads what `details.transaction` of the error says, or the token itself; undefined where there is none. */
export function sentCommitOf(of: unknown): SentCommit | undefined {
  const token = hasCode(of, 'TF_COMMIT_INDETERMINATE') ? (of as TenfoldError).details['transaction'] : of
  const [, term, lsn, id] =
    typeof token === 'string' ? (/^(\d{1,15})-([0-9A-F]{1,16})-(\d{1,20})$/.exec(token) ?? []) : []
  if (term === undefined || lsn === undefined || id === undefined) return undefined
  return { term: Number(term), lsn: BigInt(`0x${lsn}`), id: BigInt(id) }
}

/**
 * What the evidence proves. In the term of the transaction the server's own answer does. After a fail-over the new
 * primary may have given the same id to another transaction, unless its history has what came just before the COMMIT.
 *
 * @returns `in progress` if it is worth asking again
 */
export function judgeCommit(sent: SentCommit, seen: CommitEvidence): CommitStatus | 'in progress' {
  if (seen.term < sent.term) return 'unknown'
  if (seen.term > sent.term) {
    if (seen.endLsn === undefined) return 'unknown'
    if (sent.lsn > seen.endLsn) return 'not-committed'
  }
  switch (seen.status) {
    case 'committed':
      return 'committed'
    case 'aborted':
    case 'future':
      return 'not-committed'
    case 'in progress':
      return 'in progress'
    case undefined:
      return 'unknown'
  }
}

// A column that a table does not have is no mistake in JSON.
const TERMS = `coalesce((select max(term) from tenfold.term), 0)::int as term,
  (select (to_jsonb(next) ->> 'lsn')::pg_lsn - '0/0' from tenfold.term next where next.term = $2::bigint + 1)::text as "endLsn"`

interface Answer {
  readonly status: 'committed' | 'aborted' | 'in progress' | null
  readonly term?: number
  readonly endLsn?: string | null
}

/** Asks the primary. */
export async function askCommit(
  query: (text: string, values: readonly unknown[]) => Promise<SqlResult<Answer>>,
  sent: SentCommit,
  hasTerms: boolean,
): Promise<CommitEvidence> {
  const ask = async (status: string): Promise<CommitEvidence> => {
    const text = hasTerms ? `select ${status} as status, ${TERMS}` : `select ${status} as status`
    const { rows } = await query(text, [sent.id.toString(), ...(hasTerms ? [sent.term] : [])])
    const { status: seen = null, term = 0, endLsn } = rows[0] ?? {}
    return { status: seen ?? undefined, term, endLsn: typeof endLsn === 'string' ? BigInt(endLsn) : undefined }
  }
  try {
    return await ask('pg_xact_status($1::xid8)')
  } catch (error) {
    if (!isServerError(error) || error.code !== '22023') throw error
    return { ...(await ask('nullif($1::text, $1::text)')), status: 'future' }
  }
}

/** A back end that waits for its standby may take this long to end. */
const WAIT_MS = 2_000
const POLL_MS = 50

/** Commits something that nobody reads, so it is answered when the standby has everything before it. */
const CONFIRM = `select pg_logical_emit_message(true, 'tenfold', '')::text as at`

/**
 * Asks until the transaction has ended, for a bounded time; then `unknown`. A primary that has started over shows what its
 * standby may lack, so `committed` is not said before that has it too.
 */
export async function waitForCommitStatus(
  of: unknown,
  primary: {
    readonly clock: Clock
    readonly hasTerms: boolean
    query(text: string, values?: readonly unknown[]): Promise<SqlResult<Answer>>
  },
): Promise<CommitStatus> {
  const { clock, hasTerms, query } = primary
  const sent = sentCommitOf(of)
  if (sent === undefined) return 'unknown'
  const deadlineMs = clock.nowMs() + WAIT_MS
  let isConfirmed = !hasTerms
  for (;;) {
    const seen = await askCommit(query, sent, hasTerms)
    const status = judgeCommit(sent, seen)
    if (status !== 'in progress' && (status !== 'committed' || isConfirmed || seen.term > sent.term)) return status
    const leftMs = deadlineMs - clock.nowMs()
    if (leftMs <= 0) return 'unknown'
    if (status === 'in progress') await sleep(clock, POLL_MS)
    // Another primary may have answered it: the next look tells.
    else if (await isDone(query(CONFIRM), leftMs, clock)) isConfirmed = true
  }
}

/** Whoever waits in vain goes on without anybody asking for it. */
function isDone(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<boolean> {
  return withTimeout(clock, limitMs, 'a confirmation', work).then(
    () => true,
    () => sleep(clock, POLL_MS).then(() => false),
  )
}
