import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Duration } from '../../src/core/duration.ts'
import { formatDuration, isDuration, parseDuration } from '../../src/core/duration.ts'

describe('a duration', () => {
  it.each([
    ['0ms', 0],
    ['250ms', 250],
    ['0.5ms', 0.5],
    ['5s', 5_000],
    ['1.5h', 5_400_000],
    ['2m', 120_000],
    ['1d', 86_400_000],
  ] as const)('parses %s as %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected)
  })

  it('keeps decimal fractions exact to the nanosecond', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000_000 }), (milliseconds) => {
        const text = `${Math.floor(milliseconds / 1_000)}.${String(milliseconds % 1_000).padStart(3, '0')}s`
        expect(parseDuration(text as Duration)).toBeCloseTo(milliseconds, 6)
      }),
    )
  })

  it.each(['', '5', 'ms', '5 s', '-5s', '1e3ms', '5S', '.5s', '5.s', '5s ', '1h30m', '∞', 'NaNms'])(
    'refuses %j with a hint',
    (text) => {
      expect(isDuration(text)).toBe(false)
      expect(() => parseDuration(text as Duration)).toThrow(
        expect.objectContaining({ code: 'TF_DURATION_INVALID', hint: expect.stringContaining('number followed by') }),
      )
    },
  )

  it.each([undefined, null, 5, {}])('is no %s', (value) => {
    expect(isDuration(value)).toBe(false)
  })

  it.each([
    [0, '0ms'],
    [0.1234, '0.123ms'],
    [999.4, '999ms'],
    [999.9, '1s'],
    [1_534, '1.53s'],
    [59_999, '1m'],
    [90_000, '1.5m'],
    [86_400_000, '1d'],
    [Number.POSITIVE_INFINITY, '∞'],
  ])('shows %d ms as %s', (durationMs, expected) => {
    expect(formatDuration(durationMs)).toBe(expected)
  })

  it('parses what it shows, to three digits', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 1e12, noNaN: true }), (durationMs) => {
        const text = formatDuration(durationMs)
        expect(isDuration(text)).toBe(true)
        expect(Math.abs(parseDuration(text as Duration) - durationMs)).toBeLessThanOrEqual(durationMs * 0.005_001)
      }),
    )
  })
})
