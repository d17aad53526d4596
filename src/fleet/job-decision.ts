/** What a decision about a job is made from. */
export interface JobState {
  /** The first time that is due after an instant; undefined: never again. */
  readonly next: (afterEpochMs: number) => number | undefined
  /** Everything due until then has been decided on. */
  readonly decidedEpochMs: number
  readonly nowEpochMs: number
  readonly running: number
  /** So many may run at once. */
  readonly runningMax: number
  /** What becomes of times that were missed. */
  readonly missed: 'once' | 'skip'
}

export interface JobDecision {
  /** What to do for the latest time that is due, and why not. */
  readonly due?: { readonly scheduledEpochMs: number; readonly skipped?: string }
  readonly decidedEpochMs: number
  /** When there is something to decide again. */
  readonly nextEpochMs: number | undefined
}

/** Later than this, a time has been missed: the system was down, the machine asleep, or its clock was set. */
const LATE_MS = 60_000
/** Further back it does not matter which of the missed times is the latest. */
const LOOK_BACK_MS = 26 * 3_600_000

/**
 * Decides what is to be run now: once for all times that have come since the last decision. Pure. A clock that is set back
 * repeats nothing: until it has caught up, there is nothing to decide.
 */
export function decideJob(state: JobState): JobDecision {
  const { next, decidedEpochMs, nowEpochMs, running, runningMax, missed } = state
  const first = next(decidedEpochMs)
  if (first === undefined || first > nowEpochMs) return { decidedEpochMs, nextEpochMs: first }
  let scheduledEpochMs = first
  for (let at = next(Math.max(first, nowEpochMs - LOOK_BACK_MS)); at !== undefined && at <= nowEpochMs; at = next(at)) {
    scheduledEpochMs = at
  }
  const decided = { decidedEpochMs: nowEpochMs, nextEpochMs: next(nowEpochMs) }
  const skip = (skipped: string): JobDecision => ({ ...decided, due: { scheduledEpochMs, skipped } })
  if (missed === 'skip' && nowEpochMs - scheduledEpochMs > LATE_MS) return skip('it was missed')
  if (running >= runningMax) return skip('the one before was not over')
  return { ...decided, due: { scheduledEpochMs } }
}
