import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { Handover } from '../change-owner.ts'
import { acceptBuckets, expectBuckets, keepBuckets, releaseBuckets, withdrawBuckets } from '../change-owner.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import type { MoveStream } from './move.ts'
import { waitingForOthers } from './in-the-way.ts'
import { lost } from './move-sides.ts'
import { advanceSequences } from './sequences.ts'
import { hasMark, putMark, timelineOf } from './stream.ts'
import type { HotRows } from './verify.ts'
import { verifyHotRows } from './verify.ts'

/** @see changeHands */
export interface ChangeOfHands {
  readonly from: ShardDatabase
  readonly to: ShardDatabase
  readonly handover: Handover
  readonly move: number
  readonly turn: number
  readonly stream: MoveStream
  /** Rows that could not be compared while they changed. */
  readonly hot: readonly HotRows[]
  readonly clock: Clock
  /** Waits for what is to be published from the source. */
  drained(signal: AbortSignal): Promise<void>
  /** Called before each effect, with its name: tests stop there. */
  onEffect(name: string): Promise<void>
}

/** How long nobody may be able to write, by the promise; what takes longer is given up. */
export const PAUSE_MAX_MS = 250
/** Of it, for those who have written and have not ended. */
const DRAIN_MAX_MS = 100
/** After which nobody waits any more for the last rows; the rest is for giving back. */
const ARRIVE_MAX_MS = 200
const LOOK_MS = 2

/**
 * Hands the buckets over, or leaves everything as it was.
 *
 * @returns how long nobody could write them
 * @throws TF_MOVE_BLOCKED somebody is in the way, or it took too long: the source has kept the buckets
 * @throws TF_MOVE_LOST a failover has come in between; TF_MOVE_DIFFERS; in both cases the source has kept them
 * @throws anything else: nobody knows; `resolveHandover` finds out
 */
export async function changeHands(change: ChangeOfHands): Promise<number> {
  const { from, to, handover, clock, onEffect } = change
  await onEffect('expect')
  await expectBuckets(to, handover)
  await onEffect('release')
  const startMs = clock.nowMs()
  try {
    const other = await waitingForOthers(from, () => releaseBuckets(from, handover, DRAIN_MAX_MS))
    if (other !== undefined) {
      await resolveHandover(from, to, { ...handover, claim: other })
      throw blocked('somebody else had begun to hand them over')
    }
    await untilArrived(change, startMs + ARRIVE_MAX_MS)
    await onEffect('accept')
    const isAccepted = await acceptBuckets(to, handover, (tx) => expectTimeline(tx, change.stream.timelines.to))
    if (!isAccepted) throw blocked('the target no longer expects them')
    return clock.nowMs() - startMs
  } catch (error) {
    if (!isOurs(error)) throw error
    // Even now it may have been accepted, by somebody who took the move over.
    if (await resolveHandover(from, to, handover)) return clock.nowMs() - startMs
    throw error
  }
}

/** Ends a change of hands of which nobody knows how far it came. @returns whether the target has the buckets */
export async function resolveHandover(from: ShardDatabase, to: ShardDatabase, handover: Handover): Promise<boolean> {
  const { buckets, map, claim } = handover
  const isAccepted = await withdrawBuckets(to, { buckets, epoch: map.epoch + 1, claim })
  if (!isAccepted) await keepBuckets(from, handover)
  return isAccepted
}

async function untilArrived(change: ChangeOfHands, deadlineMs: number): Promise<void> {
  const { from, to, handover, move, turn, stream, hot, clock, onEffect } = change
  const late = new AbortController()
  const cancel = clock.schedule(Math.max(0, deadlineMs - clock.nowMs()), () => late.abort())
  try {
    await onEffect('mark')
    const drained = change.drained(late.signal).catch((error: unknown) => {
      throw late.signal.aborted ? blocked('what was published there has not gone out in time', error) : error
    })
    drained.catch(() => undefined)
    const mark = await from.transaction(async (tx) => {
      await expectTimeline(tx, stream.timelines.from)
      return putMark(tx, move, turn)
    })
    const sequences = advanceSequences(from, to, handover.map)
    sequences.catch(() => undefined)
    while (!(await hasMark(to, move, turn, mark))) {
      if (late.signal.aborted) throw blocked('the last rows did not come in time')
      await sleep(clock, LOOK_MS)
    }
    await Promise.all([sequences, drained, verifyHotRows(from, to, hot)])
    if (late.signal.aborted) throw blocked('it took too long')
  } finally {
    cancel()
    late.abort()
  }
}

async function expectTimeline(database: Pick<ShardDatabase, 'query'>, expected: number): Promise<void> {
  if ((await timelineOf(database)) !== expected) throw lost('there was a failover')
}

/** Whether it is certain that the target has not accepted anything by what we have done. */
function isOurs(error: unknown): error is TenfoldError {
  return error instanceof TenfoldError && error.code.startsWith('TF_MOVE_')
}

function blocked(why: string, cause?: unknown): TenfoldError {
  return new TenfoldError(
    'TF_MOVE_BLOCKED',
    `expected the buckets to change hands within ${PAUSE_MAX_MS} ms, but ${why}`,
    { hint: 'nothing: the source has kept them, and it is tried again', cause },
  )
}
