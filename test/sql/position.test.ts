import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { comparePositions, formatToken, laterToken, parseToken, requireToken } from '../../src/sql/position.ts'

const position = fc.record(
  {
    term: fc.nat(1_000_000),
    lsn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    seenEpochMs: fc.nat(2 ** 45),
  },
  { requiredKeys: ['term', 'lsn'] },
)

describe('a token', () => {
  test('says the term and the place in the log', () => {
    expect(formatToken({ term: 3, lsn: 0x16b3748n })).toBe('3-16B3748')
    expect(formatToken({ term: 3, lsn: 0x16b3748n, seenEpochMs: 0xfff })).toBe('3-16B3748.FFF')
  })

  test('is read back as it was, and needs no escaping in a header, a cookie or a URL', () => {
    fc.assert(
      fc.property(position, (given) => {
        const token = formatToken(given)
        expect(parseToken(token)).toEqual(given)
        expect(encodeURIComponent(token)).toBe(token)
        expect(new URLSearchParams([['at', token]]).toString()).toBe(`at=${token}`)
      }),
    )
  })

  test.each([
    '',
    '3',
    '3-',
    '-3-1',
    '3-1-2',
    '3-1.',
    '3-1.2.3',
    '3-1.1234567890ABC',
    '3-xyz',
    '3-16b3748',
    '3-10000000000000000',
    '9999999999999999-1',
    ' 3-1',
  ])('that is none is not taken: %s', (token) => {
    expect(parseToken(token)).toBeUndefined()
    expect(() => requireToken(token)).toThrow(expect.objectContaining({ code: 'TF_OPTION_INVALID' }))
  })

  test('of a later term is later, whatever the place in the log', () => {
    expect(laterToken('1-FF', '2-1')).toBe('2-1')
    expect(laterToken('2-FF', '2-1')).toBe('2-FF')
  })

  test('for two stands for both, also for what the earlier one has seen on a replica', () => {
    expect(laterToken('1-FF.A', '2-1')).toBe('2-1.A')
    expect(laterToken('2-FF', '2-1.B')).toBe('2-FF.B')
    expect(laterToken('2-FF.A', '2-1.B')).toBe('2-FF.B')
  })

  test('is ordered totally', () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        expect(Math.sign(comparePositions(a, b))).toBe(-Math.sign(comparePositions(b, a)) + 0)
        if (comparePositions(a, b) <= 0 && comparePositions(b, c) <= 0)
          expect(comparePositions(a, c)).toBeLessThanOrEqual(0)
        expect(comparePositions(a, { ...a })).toBe(0)
      }),
    )
  })
})
