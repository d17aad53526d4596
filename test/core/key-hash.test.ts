import { expect, test } from 'vitest'
import { keyHash, partitionOf } from '../../src/core/key-hash.ts'

/** What PostgreSQL 18 gave for `hashtextextended(key, 0)`; an integration test asks it about many more. */
const VECTORS: readonly (readonly [key: string, signed: bigint])[] = [
  ['', -6939563903564495251n],
  ['a', 3591986179850072241n],
  ['42', -2402356501652256834n],
  ['åß∂ƒ', -5723542433749087509n],
  ['zzzzzzzzzzz', 5225687441717797279n],
  ['xxxxxxxxxxxx', -2459440608274261628n],
  ['yyyyyyyyyyyyyyyyyyyyyyyyy', 9104311212303822513n],
]

const signedOf = (key: string): bigint => {
  const { high, low } = keyHash(key)
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))
}

test.each(VECTORS)('hashes %j as PostgreSQL does', (key, signed) => {
  expect(signedOf(key)).toBe(signed)
})

test('gives each partition its share of keys', () => {
  const counts = Array.from({ length: 12 }, () => 0)
  for (let n = 0; n < 12_000; n++) counts[partitionOf(`user-${n}`, 12)]!++
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
})

test('splits each partition when their number doubles, and mixes none', () => {
  for (let n = 0; n < 1_000; n++) {
    expect(Math.floor(partitionOf(`user-${n}`, 24) / 2)).toBe(partitionOf(`user-${n}`, 12))
  }
})
