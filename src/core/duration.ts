import { TenfoldError } from './errors.ts'

/** A length of time as people write it: `'250ms'`, `'5s'`, `'1.5h'`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Milliseconds in a duration.
 *
 * @throws TF_DURATION_INVALID for anything that is not a non-negative number with a unit
 * @example parseDuration('1.5s') // 1500
 */
export function parseDuration(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration)
  if (match === null) {
    throw new TenfoldError(
      'TF_DURATION_INVALID',
      `expected a duration such as '250ms' or '5s', got ${JSON.stringify(duration)}`,
      {
        hint: 'write a number followed by ms, s, m, h or d, without a space',
      },
    )
  }
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
}

/** Whether a value is a well-formed duration. */
export function isDuration(value: unknown): value is Duration {
  return typeof value === 'string' && /^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(value)
}

/**
 * A duration for people, three significant digits, in the largest unit that keeps it at or above one.
 *
 * @example formatDuration(1534) // '1.53s'
 */
export function formatDuration(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return '∞'
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const value = significant(durationMs / UNIT_MS[unit])
    // Rounded first, so that 999.9 ms is a second and not a thousand milliseconds.
    if (value >= 1) return `${value}${unit}`
  }
  return `${significant(durationMs)}ms`
}

function significant(value: number): number {
  return Number(value.toPrecision(3))
}
