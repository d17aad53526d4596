import type { Clock } from '../core/clock.ts'
import type { Observation } from './arbiter.ts'
import type { ClusterNode } from './node.ts'
import type { PrimaryWatch } from './primary-watch.ts'
import { waitForOn } from './promotion.ts'
import type { LogPosition } from '../sql/log-position.ts'

type Awaited = Observation['waitsFor']

/** Whom COMMIT waits for on the primary. */
export interface CommitWait {
  readonly whom: Awaited
  /** What did not wait for the follower that is waited for is before this; undefined until an answer can show it. */
  readonly barrier: LogPosition | undefined
  /**
   * Has COMMIT on the primary wait for someone else. When it rejects, nobody knows whom it waits for.
   *
   * @param others the followers that `any` stands for
   */
  change(primary: ClusterNode, whom: Awaited, others: readonly number[]): Promise<void>
  /** Tells a primary that was started, or adopted, with that. Otherwise as `change`. */
  confirm(primary: ClusterNode, whom: Awaited, others: readonly number[]): Promise<void>
}

/** Nobody is waited for yet. */
export function createCommitWait(watch: PrimaryWatch, clock: Clock): CommitWait {
  let whom: Awaited = 'nobody'
  let barrier: LogPosition | undefined
  /** Answers of the primary until then; the next one may have been asked for before. */
  let answersBefore = 0
  return {
    get whom() {
      return whom
    },
    get barrier() {
      return watch.answers > answersBefore + 1 ? barrier : undefined
    },
    async change(primary, next, others) {
      barrier = await waitForOn(primary, namesOf(next, others), clock)
      whom = next
      answersBefore = watch.answers
    },
    async confirm(primary, next, others) {
      barrier = await waitForOn(primary, namesOf(next, others), clock, { isKnown: true })
      whom = next
    },
  }
}

function namesOf(whom: Awaited, others: readonly number[]): readonly number[] {
  if (whom === 'any') return others
  return whom === 'nobody' ? [] : [whom]
}
