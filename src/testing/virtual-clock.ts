import assert from 'node:assert/strict'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'

/** A clock that stands still until told to move. */
export interface VirtualClock extends Clock {
  /**
   * Moves time forward and runs every timer that falls due on the way, in order of deadline, then of scheduling;
   * between two timers all promise chains settle.
   */
  advance(duration: Duration | number): Promise<void>
  /** Sets the wall clock to another time, as an operator or NTP would; monotonic time is untouched. */
  jumpTo(epochMs: number): void
  /** Timers that wait. */
  readonly pending: number
}

/** Timers of one instant; more are a loop. */
const RUN_AT_ONCE_MAX = 10_000

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

/**
 * A virtual clock for tests and simulations.
 *
 * @example
 * const clock = virtualClock()
 * const woke = sleep(clock, 3_600_000)
 * await clock.advance('1h') // woke is settled, no real time has passed
 */
export function virtualClock(options: { epochMs?: number } = {}): VirtualClock {
  let nowMs = 0
  let epochOffsetMs = options.epochMs ?? Date.UTC(2026, 0, 1)
  let scheduled = 0
  const timers = new Set<Timer>()

  function schedule(delayMs: number, callback: () => void): Cancel {
    const timer = { dueMs: nowMs + Math.max(0, delayMs), order: scheduled++, callback }
    timers.add(timer)
    return () => void timers.delete(timer)
  }

  function nextDue(untilMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.dueMs > untilMs) continue
      const isEarlier =
        next === undefined || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)
      if (isEarlier) next = timer
    }
    return next
  }

  return {
    epochMs: () => epochOffsetMs + nowMs,
    nowMs: () => nowMs,
    schedule,
    every(intervalMs, callback) {
      // As a real timer, which waits at least a millisecond: an interval of 0 would stop time.
      const stepMs = intervalMs > 0 ? intervalMs : 1
      let cancel: Cancel
      const tick = (): void => {
        cancel = schedule(stepMs, tick)
        callback()
      }
      cancel = schedule(stepMs, tick)
      return () => cancel()
    },
    async advance(duration) {
      const untilMs = nowMs + (typeof duration === 'number' ? duration : parseDuration(duration))
      await settle()
      let ranAtOnce = 0
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        timers.delete(timer)
        ranAtOnce = timer.dueMs > nowMs ? 0 : ranAtOnce + 1
        assert(ranAtOnce < RUN_AT_ONCE_MAX, 'expected time to go on, got a timer of 0 ms that sets itself again')
        nowMs = timer.dueMs
        timer.callback()
        await settle()
      }
      nowMs = untilMs
    },
    jumpTo(epochMs) {
      epochOffsetMs = epochMs - nowMs
    },
    get pending() {
      return timers.size
    },
  }
}

/** Lets every promise chain that can move reach its next timer. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
