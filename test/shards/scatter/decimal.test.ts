import { assert, bigInt, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addDecimals, compareDecimals, divideDecimal } from '../../../src/shards/scatter/decimal.ts'

/** So many digits, with the point somewhere. */
function text(digits: bigint, scale: number): string {
  const padded = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
  const point = padded.length - scale
  return `${digits < 0n ? '-' : ''}${padded.slice(0, point)}${scale === 0 ? '' : `.${padded.slice(point)}`}`
}

const decimals = [bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), integer({ min: 0, max: 8 })] as const

describe('decimal numbers', () => {
  test('are added and compared exactly, however long', () => {
    assert(
      property(...decimals, ...decimals, (a, aScale, b, bScale) => {
        const [left, right] = [a * 10n ** BigInt(8 - aScale), b * 10n ** BigInt(8 - bScale)]
        const [x, y] = [text(a, aScale), text(b, bScale)]
        expect(compareDecimals(x, y)).toBe(left < right ? -1 : Number(left > right))
        expect(compareDecimals(addDecimals(x, y), text(left + right, 8))).toBe(0)
      }),
    )
  })

  test('keep the digits of the longer one', () => {
    expect(addDecimals('1.50', '2')).toBe('3.50')
    expect(addDecimals('-0.25', '0.2')).toBe('-0.05')
  })

  test('are divided to sixteen digits, rounded', () => {
    expect(divideDecimal('10', 4n)).toBe('2.5000000000000000')
    expect(divideDecimal('-2', 3n)).toBe('-0.6666666666666667')
    expect(divideDecimal('0.5', 1n)).toBe('0.5000000000000000')
  })

  test('are ordered as PostgreSQL does where they are none', () => {
    const ordered = ['-Infinity', '-1e+300', '-5', '0', '1e-7', '12345678901234567890', '1e+300', 'Infinity', 'NaN']
    expect(ordered.toReversed().toSorted(compareDecimals)).toEqual(ordered)
  })
})
