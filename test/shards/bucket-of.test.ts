import { expect, test } from 'vitest'
import { bucketOf } from '../../src/shards/bucket-of.ts'
import { initialMap } from '../../src/shards/initial-map.ts'

const shardOf = (map: ReturnType<typeof initialMap>, key: unknown): number | undefined =>
  map.owners.get(bucketOf(map.partitioning, key))?.shard

test('a key has one bucket, however it is written', () => {
  const { partitioning } = initialMap({ by: 'hash', count: 4 }, { column: 'key', type: 'integer' })
  for (const key of [7, -7, 2 ** 40, -(2 ** 40), Number.MIN_SAFE_INTEGER]) {
    expect(new Set([key, BigInt(key), String(key)].map((each) => bucketOf(partitioning, each))).size).toBe(1)
  }
  const uuids = initialMap({ by: 'hash', count: 4 }, { column: 'key', type: 'uuid' }).partitioning
  const id = '0191D7C2-58b3-7cc0-8000-0123456789ab'
  const notations = [id, id.toLowerCase(), id.replaceAll('-', ''), `{${id}}`]
  expect(new Set(notations.map((each) => bucketOf(uuids, each))).size).toBe(1)
})

test('hash shards get equal shares of keys that follow each other', () => {
  const map = initialMap({ by: 'hash', count: 4 }, { column: 'key', type: 'integer' })
  const counts = [0, 0, 0, 0]
  for (let key = 0; key < 10_000; key++) counts[shardOf(map, key) as number]!++
  for (const count of counts) expect(Math.abs(count - 2_500)).toBeLessThan(200)
})

test('modulo shards are the remainder, for any number of shards and also below zero', () => {
  for (const count of [1, 2, 3, 5, 7, 100, 3_000]) {
    const map = initialMap({ by: 'modulo', count }, { column: 'key', type: 'integer' })
    for (const key of [0, 1, 2, 99, 1_023, 123_456_789, -1, -count, 2 ** 50]) {
      expect(shardOf(map, key)).toBe(((key % count) + count) % count)
    }
  }
})

test('a bound is the first key of the interval behind it', () => {
  const map = initialMap({ by: 'range', bounds: [0, 100] }, { column: 'key', type: 'integer' })
  expect([-5, -1, 0, 99, 100, 10n ** 18n].map((key) => shardOf(map, key))).toEqual([0, 0, 1, 1, 2, 2])
})

test('text is ordered by its code points', () => {
  const map = initialMap({ by: 'range', bounds: ['b', '\uFF5E'] }, { column: 'key', type: 'text' })
  // The last one comes before the bound in UTF-16.
  expect(['B', 'a', 'b', 'é', '\uFF5E', '\u{1F600}'].map((key) => shardOf(map, key))).toEqual([0, 0, 1, 1, 2, 2])
})

test('a key is on the shard of its list, and all others on the list for the rest', () => {
  const lists = { eu: ['DE', 'FR'], us: ['US'] }
  const map = initialMap({ by: 'list', lists, otherwise: 'us' }, { column: 'key', type: 'text' })
  expect(['DE', 'FR', 'US', 'JP'].map((key) => shardOf(map, key))).toEqual([0, 0, 1, 1])
  const strict = initialMap({ by: 'list', lists }, { column: 'key', type: 'text' })
  expect(() => shardOf(strict, 'JP')).toThrow(expect.objectContaining({ code: 'TF_SHARD_KEY_UNPLACED' }))
})

test.each([
  ['integer', 1.5],
  ['integer', 2 ** 53],
  ['integer', 2n ** 63n],
  ['integer', '7 '],
  ['integer', null],
  ['text', 7],
  ['text', undefined],
  ['uuid', 'not one'],
  ['uuid', '0191d7c258b37cc080000123456789abff'],
] as const)('what is no key of a column of type %s is refused: %s', (type, key) => {
  for (const by of ['hash', 'range'] as const) {
    const sharding = by === 'hash' ? ({ by, count: 2 } as const) : ({ by, bounds: [SOME[type]] } as const)
    const { partitioning } = initialMap(sharding, { column: 'key', type })
    expect(() => bucketOf(partitioning, key)).toThrow(expect.objectContaining({ code: 'TF_SHARD_KEY_INVALID' }))
  }
})

const SOME = { integer: 7, text: 'm', uuid: '80000000-0000-0000-0000-000000000000' }

test('modulo needs whole numbers', () => {
  expect(() => initialMap({ by: 'modulo', count: 2 }, { column: 'key', type: 'text' })).toThrow(
    expect.objectContaining({ code: 'TF_SHARD_KEY_INVALID', hint: "use by: 'hash'" }),
  )
})
