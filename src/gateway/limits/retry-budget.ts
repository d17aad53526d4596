/** The share of requests that may be repeated, and what is left to a service with few of them: Envoy's numbers. */
const RETRY_SHARE = 0.2
const RETRIES_MIN = 3
/** What is counted: this second and those before it. */
const WINDOW_S = 10

/**
 * How many retries a service can bear. When a service fails, each retry is one more request that it has to fail: without
 * a limit, retries multiply what broke it.
 *
 * In any ten seconds (whole ones, of the clock given) that end with a retry, there are at most 3 retries and one for
 * every five requests. Envoy takes the requests under way in place of those of a while; but a refused connection is over
 * at once, so that few are ever under way however many are repeated.
 */
export interface RetryBudget {
  /** A request has come in. */
  countRequest(nowMs: number): void
  /** Takes a retry from the budget; false: it is spent. */
  take(nowMs: number): boolean
}

export function createRetryBudget(): RetryBudget {
  const requests = new Float64Array(WINDOW_S)
  const retries = new Float64Array(WINDOW_S)
  let requestsSum = 0
  let retriesSum = 0
  let second = -Infinity

  function advance(nowMs: number): number {
    const current = Math.floor(nowMs / 1_000)
    for (let passed = Math.max(second + 1, current - WINDOW_S + 1); passed <= current; passed++) {
      const slot = slotOf(passed)
      requestsSum -= requests[slot]!
      retriesSum -= retries[slot]!
      requests[slot] = 0
      retries[slot] = 0
    }
    if (current > second) second = current
    return slotOf(second)
  }

  return {
    countRequest(nowMs) {
      const slot = advance(nowMs)
      requests[slot]! += 1
      requestsSum += 1
    },
    take(nowMs) {
      const slot = advance(nowMs)
      if (retriesSum + 1 > RETRIES_MIN + RETRY_SHARE * requestsSum) return false
      retries[slot]! += 1
      retriesSum += 1
      return true
    },
  }
}

/** Seconds before 0 have a slot, too: a clock may begin there. */
function slotOf(second: number): number {
  return ((second % WINDOW_S) + WINDOW_S) % WINDOW_S
}
