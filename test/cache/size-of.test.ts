import { expect, test } from 'vitest'
import { sizeOf } from '../../src/cache/size-of.ts'

test.each<[unknown, number]>([
  ['soup', 8],
  [7, 8],
  [null, 8],
  [{ name: 'soup' }, 32 + 16 + 8],
  [[1, 2], 32 + 2 * 24],
  [new Map([['a', 1]]), 32 + 2 * 16 + 2 + 8],
  [new Uint8Array(100), 132],
  [10n, 8],
])('takes %o for %i bytes', (value, bytes) => {
  expect(sizeOf(value)).toBe(bytes)
})

test('counts what is used twice once, and comes to an end with what contains itself', () => {
  const part = { text: 'x'.repeat(1_000) }
  const whole: Record<string, unknown> = { part, again: part }
  whole['whole'] = whole
  expect(sizeOf(whole)).toBe(32 + 3 * 16 + 32 + 16 + 2_000)
})

test('takes what is very large for as large as its parts', () => {
  const many = Array.from({ length: 100_000 }, () => 'x'.repeat(50))
  const exact = 32 + 100_000 * 116
  expect(sizeOf(many)).toBeGreaterThan(exact * 0.9)
})
