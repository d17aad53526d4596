/** How much of what may go wrong has gone wrong. */
export interface ErrorBudget {
  /** Bad events that the objective allows for this many events. */
  readonly allowed: number
  readonly bad: number
  /** Share of the budget that is used: 1 is all of it, more is a broken objective, Infinity a bad event where none is allowed. */
  readonly consumed: number
  /** Bad events that are left, not below 0. */
  readonly remaining: number
}

/**
 * The error budget over a number of events: of n events under an objective of 99.9 %, n / 1000 may be bad.
 *
 * @param objective share of good events that is promised, 0 to 1
 * @example errorBudget({ objective: 0.999, total: 10_000, bad: 5 }) // allowed 10, consumed 0.5, remaining 5
 */
export function errorBudget(input: { objective: number; total: number; bad: number }): ErrorBudget {
  const { objective, total, bad } = input
  const allowed = total * allowedShare(objective)
  return {
    allowed,
    bad,
    consumed: bad === 0 ? 0 : bad / allowed,
    remaining: Math.max(0, allowed - bad),
  }
}

/** Share of bad events that an objective allows; 1 − 0.999 as people mean it, not as binary fractions have it. */
export function allowedShare(objective: number): number {
  return Math.round((1 - objective) * 1e12) / 1e12
}
