import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Size } from '../../src/core/size.ts'
import { formatSize, isSize, parseSize } from '../../src/core/size.ts'

describe('a size', () => {
  it.each([
    ['0B', 0],
    ['512B', 512],
    ['1.5KiB', 1_536],
    ['64MiB', 67_108_864],
    ['2GiB', 2_147_483_648],
  ] as const)('parses %s as %d bytes', (text, expected) => {
    expect(parseSize(text)).toBe(expected)
  })

  it('is always a whole number of bytes', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1_000, noNaN: true }),
        fc.constantFrom('B', 'KiB', 'MiB', 'GiB'),
        (n, unit) => {
          expect(Number.isInteger(parseSize(`${n.toFixed(3)}${unit}` as Size))).toBe(true)
        },
      ),
    )
  })

  it.each(['', '64', 'MiB', '64MB', '64 MiB', '-1B', '1e3B', '64mib'])('refuses %j with a hint', (text) => {
    expect(isSize(text)).toBe(false)
    expect(() => parseSize(text as Size)).toThrow(
      expect.objectContaining({ code: 'TF_SIZE_INVALID', hint: expect.stringContaining('number followed by') }),
    )
  })

  it.each([
    [0, '0B'],
    [1_023, '1023B'],
    [1_024, '1KiB'],
    [1_536, '1.5KiB'],
    [67_108_864, '64MiB'],
  ])('shows %d bytes as %s', (bytes, expected) => {
    expect(formatSize(bytes)).toBe(expected)
  })

  it('parses what it shows, to three digits', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 45 }), (bytes) => {
        const text = formatSize(bytes)
        expect(isSize(text)).toBe(true)
        expect(Math.abs(parseSize(text as Size) - bytes)).toBeLessThanOrEqual(bytes * 0.005_001)
      }),
    )
  })
})
