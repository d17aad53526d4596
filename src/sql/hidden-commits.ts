import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { NodeLink } from './node-link.ts'

/** What may have been seen on a replica before the primary shows it; without bounds: anything, just now. */
export interface SeenElsewhere {
  /** In the history of the primary of this term. */
  readonly term?: number | undefined
  /** Until when (epoch, ms). */
  readonly epochMs?: number | undefined
}

/** @see untilShown */
export interface UntilShownOptions {
  readonly primary: Pick<NodeLink, 'read'>
  readonly seen: SeenElsewhere
  readonly database: string
  /** How long to wait at most. */
  readonly waitMs: number
  readonly clock: Clock
}

const POLL_FIRST_MS = 2
const POLL_MAX_MS = 50

/**
 * A commit gets its timestamp when it is written into the log; from then on replicas may get and show it. Its primary
 * shows it only when its transaction has ended, after the standby has confirmed it: until then it holds the lock of its
 * own number.
 */
const HIDDEN = `select string_agg(transactionid::text, ',') as ids from pg_locks
  where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted
    and case when current_setting('track_commit_timestamp') = 'on' and not pg_is_in_recovery()
                  and coalesce($1::bigint = (select max(term) from tenfold.term), true)
             then pg_xact_commit_timestamp(transactionid) <= coalesce(to_timestamp($2::float8 / 1000), 'infinity') end`

const STILL_HIDDEN = `select exists (select from pg_locks where locktype = 'transactionid' and mode = 'ExclusiveLock'
  and granted and transactionid::text = any(string_to_array($1, ','))) as "isHidden"`

/**
 * Waits until the primary shows what a replica may have shown: a replica shows a write as soon as it has it, the primary
 * only when the standby has it too. What was seen in an earlier term is shown since the promotion, or lost. Moments are
 * compared by the clock of the machine, which servers of the same cluster share.
 *
 * @throws TF_TIMEOUT it waits for a standby that hangs; and as `NodeLink.read`
 */
export async function untilShown({ primary, seen, database, waitMs, clock }: UntilShownOptions): Promise<void> {
  const deadlineMs = clock.nowMs() + waitMs
  const { rows } = await primary.read<{ ids: string | null }>(HIDDEN, [seen.term ?? null, seen.epochMs ?? null])
  const ids = rows[0]?.ids
  if (ids === null || ids === undefined) return
  for (let pollMs = POLL_FIRST_MS; ; pollMs = Math.min(POLL_MAX_MS, 2 * pollMs)) {
    const [answer] = (await primary.read<{ isHidden: boolean }>(STILL_HIDDEN, [ids])).rows
    if (answer?.isHidden !== true) return
    if (clock.nowMs() >= deadlineMs) throw tooLate(database, waitMs)
    await sleep(clock, pollMs)
  }
}

function tooLate(database: string, waitMs: number): TenfoldError {
  return new TenfoldError(
    'TF_TIMEOUT',
    `expected the primary of ${database} to show within ${waitMs} ms what a replica has shown, but its writes wait for a standby`,
    { hint: 'try again later; "tenfold status" says how the standby is', details: { database } },
  )
}
