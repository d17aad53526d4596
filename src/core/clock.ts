import { performance } from 'node:perf_hooks'
import { TenfoldError } from './errors.ts'

/** Cancels a timer; calling it twice, or after the timer fired, does nothing. */
export type Cancel = () => void

/**
 * The only source of time. Product code takes a `Clock`, so that tests can hold a virtual one
 * (`tenfold/testing`) and a day passes in a millisecond.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since the Unix epoch. It can jump, so never subtract two readings of it. */
  epochMs(): number
  /** Monotonic time in milliseconds, with fractions, from an arbitrary start. For measuring and for deadlines. */
  nowMs(): number
  /** Calls `callback` once after `delayMs`, never earlier. A timer does not keep the process alive if `unref` is set. */
  schedule(delayMs: number, callback: () => void, options?: { unref?: boolean }): Cancel
  /** Calls `callback` every `intervalMs` (at most 24.8 days), without drift compensation, until cancelled. */
  every(intervalMs: number, callback: () => void, options?: { unref?: boolean }): Cancel
}

const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** The machine's clock. */
export const systemClock: Clock = {
  epochMs: () => Date.now(),
  nowMs: () => performance.now(),
  schedule(delayMs, callback, options = {}) {
    const dueMs = performance.now() + delayMs
    let timer: NodeJS.Timeout
    const arm = (): void => {
      // Node counts whole milliseconds from the last turn of its loop, so it may be early; and what does not fit into
      // 31 bits (24.8 days, Infinity) it would call at once.
      const restMs = Math.max(0, Math.ceil(dueMs - performance.now()))
      timer = setTimeout(() => (performance.now() < dueMs ? arm() : callback()), Math.min(restMs, TIMEOUT_MS_MAX))
      if (options.unref === true) timer.unref()
    }
    arm()
    return () => clearTimeout(timer)
  },
  every(intervalMs, callback, options = {}) {
    const timer = setInterval(callback, Math.min(intervalMs, TIMEOUT_MS_MAX))
    if (options.unref === true) timer.unref()
    return () => clearInterval(timer)
  },
}

/**
 * Resolves after `delayMs` of the clock.
 *
 * @throws TF_ABORTED as soon as `signal` is aborted
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  if (signal?.aborted === true) {
    reject(aborted(signal))
    return promise
  }
  const onAbort = (): void => {
    cancel()
    reject(aborted(signal))
  }
  const cancel = clock.schedule(delayMs, () => {
    signal?.removeEventListener('abort', onAbort)
    resolve()
  })
  signal?.addEventListener('abort', onAbort, { once: true })
  return promise
}

/**
 * Settles as `work` does, or fails after `timeoutMs`. The work itself goes on: pass it a signal if it can be stopped.
 *
 * @param what names the work in the error: `'the first connection to orders'`
 * @throws TF_TIMEOUT
 */
export async function withTimeout<T>(clock: Clock, timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const cancel = clock.schedule(timeoutMs, () => {
    reject(new TenfoldError('TF_TIMEOUT', `expected ${what} within ${timeoutMs} ms`))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}

function aborted(signal: AbortSignal | undefined): TenfoldError {
  return new TenfoldError('TF_ABORTED', 'expected the wait to end, but it was cancelled', { cause: signal?.reason })
}
