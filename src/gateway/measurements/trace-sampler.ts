import type { Clock } from '../../core/clock.ts'
import { isTraceSampled } from '../../core/trace-context.ts'

/** Decides of traces that begin here which are kept; everybody after us goes by it. */
export interface TraceSampler {
  /** Once for each trace. */
  isKept(traceId: string): boolean
  end(): void
}

/** Of the traces that begin here, this share is kept. */
export const TRACE_SHARE = 0.01
const SECOND_MS = 1_000

/** Keeps the first of each second, so that whoever tries something out sees it, and one in a hundred of the others. */
export function createTraceSampler(clock: Clock): TraceSampler {
  let isFirst = true
  const cancel = clock.every(SECOND_MS, () => (isFirst = true), { unref: true })
  return {
    isKept(traceId) {
      if (!isFirst) return isTraceSampled(traceId, TRACE_SHARE)
      isFirst = false
      return true
    },
    end: cancel,
  }
}
