import type { Clock } from '../core/clock.ts'
import { withTimeout } from '../core/clock.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { Probes } from './probes.ts'

/** What a check says of the machine. */
export interface Finding {
  /** `problem`: something will not work. `warning`: it works, but not as well as it could, or not all of it. */
  readonly verdict: 'ok' | 'warning' | 'problem'
  /** What was found, for people. */
  readonly found: string
  /** What to do about it, in the imperative; there unless all is well. */
  readonly todo?: string
}

/** One thing to look at. */
export interface Check {
  readonly name: string
  /** Why it matters. */
  readonly why: string
  run(probes: Probes): Promise<Finding>
}

/** A check that was made. */
export interface Result extends Finding {
  readonly name: string
  readonly why: string
}

/** Looking at one thing may take as long. */
const CHECK_MAX_MS = 20_000

/**
 * A check of two parts: what is looked at, and what that means, which is pure.
 *
 * @param observe what it throws is a problem, and its hint what to do
 */
export function check<Observed>(parts: {
  readonly name: string
  readonly why: string
  readonly observe: (probes: Probes) => Observed | Promise<Observed>
  readonly judge: (observed: Observed) => Finding
}): Check {
  const { name, why, observe, judge } = parts
  return { name, why, run: async (probes) => judge(await observe(probes)) }
}

/** Makes one check after the other, so that none disturbs what another measures. */
export async function runChecks(checks: readonly Check[], probes: Probes, clock: Clock): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const { name, why, run } of checks) {
    const finding = await withTimeout(clock, CHECK_MAX_MS, `the check "${name}" to end`, run(probes)).catch(failed)
    results.push({ name, why, ...finding })
  }
  return results
}

function failed(error: unknown): Finding {
  const hint = error instanceof TenfoldError ? error.hint : undefined
  return { verdict: 'problem', found: messageOf(error), todo: hint ?? 'correct what the message says' }
}
