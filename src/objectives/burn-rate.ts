import { allowedShare } from './error-budget.ts'

/** Events of one stretch of time. */
export interface EventCounts {
  readonly total: number
  readonly bad: number
}

/** A pair of windows that must both burn faster than `rate`. */
export interface BurnWindow {
  readonly longMs: number
  /** A twelfth of the long one: it ends the alert soon after the trouble has ended. */
  readonly shortMs: number
  /** Times the rate at which the budget lasts exactly for its period. */
  readonly rate: number
  /** `page` wakes somebody; `ticket` waits for the morning. */
  readonly severity: 'page' | 'ticket'
}

/** A decision whether the budget burns too fast, and why. */
export interface BurnDecision {
  readonly severity: BurnWindow['severity'] | 'none'
  readonly reason: string
  /** Burn rates by window, in the order of the windows. */
  readonly rates: readonly { readonly long: number; readonly short: number }[]
}

const HOUR_MS = 3_600_000

/**
 * Windows for a budget of 30 days (Google, *The Site Reliability Workbook*, chapter 5, table 5-8): 2 % of the budget
 * in an hour and 5 % in six hours page, 10 % in three days is a ticket.
 */
export const BURN_WINDOWS: readonly BurnWindow[] = [
  { longMs: HOUR_MS, shortMs: HOUR_MS / 12, rate: 14.4, severity: 'page' },
  { longMs: 6 * HOUR_MS, shortMs: HOUR_MS / 2, rate: 6, severity: 'page' },
  { longMs: 72 * HOUR_MS, shortMs: 6 * HOUR_MS, rate: 1, severity: 'ticket' },
]

/**
 * How fast the budget burns: the share of bad events over the share that is allowed. At 1 it lasts exactly for its
 * period; without events it does not burn.
 *
 * @example burnRate({ total: 1_000, bad: 10 }, 0.999) // 10
 */
export function burnRate(counts: EventCounts, objective: number): number {
  if (counts.total === 0 || counts.bad === 0) return 0
  return counts.bad / counts.total / allowedShare(objective)
}

/**
 * Decides by several windows whether somebody must look: a pair fires when both of its windows burn faster than its
 * rate, the long one for being sure, the short one for being current. The most severe pair that fires decides.
 *
 * @param countsIn events of the last so many milliseconds
 * @param windows the most severe first
 */
export function judgeBurn(
  objective: number,
  countsIn: (windowMs: number) => EventCounts,
  windows: readonly BurnWindow[] = BURN_WINDOWS,
): BurnDecision {
  const rates = windows.map(({ longMs, shortMs }) => ({
    long: burnRate(countsIn(longMs), objective),
    short: burnRate(countsIn(shortMs), objective),
  }))
  for (const [index, window] of windows.entries()) {
    const { long, short } = rates[index] ?? { long: 0, short: 0 }
    if (long <= window.rate || short <= window.rate) continue
    const hours = window.longMs / HOUR_MS
    return {
      severity: window.severity,
      reason: `the error budget burns ${long.toPrecision(3)} times too fast over ${hours} h, the bound is ${window.rate}`,
      rates,
    }
  }
  return { severity: 'none', reason: 'no pair of windows burns faster than its bound', rates }
}
