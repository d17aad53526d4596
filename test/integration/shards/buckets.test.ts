import { afterAll, beforeAll, expect, test } from 'vitest'
import { bigInt, oneof, sample, string, uuid } from 'fast-check'
import type { Arbitrary } from 'fast-check'
import type { Sharding } from '../../../src/blueprint/database.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { bucketExpression } from '../../../src/shards/bucket-expression.ts'
import { bucketOf } from '../../../src/shards/bucket-of.ts'
import { inBuckets } from '../../../src/shards/reshard/moved-tables.ts'
import { initialMap } from '../../../src/shards/initial-map.ts'
import type { KeyType } from '../../../src/shards/key-type.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed } from '../clusters/test-bed.ts'

let bed: TestBed
let database: DatabaseConnection

beforeAll(async () => {
  bed = await createTestBed({ hasTemplate: false })
  const cluster = bed.cluster('one')
  await cluster.start()
  database = bed.connect(cluster.adminUrl(), { connectionsMax: 2 })
})

afterAll(() => bed.end())

const COLUMN: Readonly<Record<KeyType, string>> = { integer: 'bigint', text: 'text', uuid: 'uuid' }
const KEYS: Readonly<Record<KeyType, Arbitrary<string>>> = {
  integer: oneof(bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), bigInt({ min: -300n, max: 300n })).map(String),
  // PostgreSQL's text has no character 0.
  text: string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\0', '')),
  uuid: uuid(),
}
const SHARDINGS: readonly (readonly [Sharding, KeyType])[] = [
  [{ by: 'hash', count: 4 }, 'integer'],
  [{ by: 'hash', count: 3, buckets: 65_536 }, 'text'],
  [{ by: 'hash', count: 4 }, 'uuid'],
  [{ by: 'modulo', count: 7 }, 'integer'],
  [{ by: 'range', bounds: [-5, 100, 5_000_000_000] }, 'integer'],
  [{ by: 'range', bounds: ['a', "m'm", 'é', '\uFF5E'] }, 'text'],
  [{ by: 'range', bounds: ['80000000-0000-0000-0000-000000000000'] }, 'uuid'],
  [{ by: 'list', lists: { low: [1, 2, 3], high: [300] }, otherwise: 'low' }, 'integer'],
  [{ by: 'list', lists: { eu: ['DE', "it's", ''], us: ['US'] }, otherwise: 'us' }, 'text'],
]

test.each(SHARDINGS)('PostgreSQL puts keys into the same buckets: %j of %s', async (sharding, type) => {
  const { partitioning } = initialMap(sharding, { column: 'key', type })
  const keys = [...sample(KEYS[type], 2_000), ...(type === 'text' ? ['', 'DE', 'a', 'm', "it's"] : [])]
  const { rows } = await database.query<{ bucket: string }>(
    `select ${bucketExpression(partitioning, 'key')}::text as bucket
     from unnest($1::${COLUMN[type]}[]) with ordinality as given (key, place) order by place`,
    [keys],
  )
  expect(rows.map(({ bucket }) => Number(bucket))).toEqual(keys.map((key) => bucketOf(partitioning, key)))
})

test.each(SHARDINGS)('a publication can be of some buckets only: %j of %s', async (sharding, type) => {
  const { partitioning } = initialMap(sharding, { column: 'key', type })
  await database.query(`create table moved (key ${COLUMN[type]}, id int, primary key (key, id))`)
  try {
    const filter = inBuckets({ partitioning, column: 'key' }, [0, 1])
    await database.query(`create publication part for table moved where (${filter})`)
    // Where a filter does not fit the replica identity, this is what begins to fail.
    await database.query(`insert into moved values ($1, 1)`, [sample(KEYS[type], 1)[0]])
    await database.query('update moved set id = 2')
  } finally {
    await database.query('drop table moved')
    await database.query('drop publication if exists part')
  }
})

test.each(['smallint', 'integer'])('a column of type %s has the buckets of its numbers', async (column) => {
  const { partitioning } = initialMap({ by: 'hash', count: 4 }, { column: 'key', type: 'integer' })
  const keys = [0, 1, -1, 32_767, -32_768]
  const { rows } = await database.query<{ bucket: string }>(
    `select ${bucketExpression(partitioning, 'key')}::text as bucket from unnest($1::${column}[]) as given (key)`,
    [keys],
  )
  expect(rows.map(({ bucket }) => Number(bucket))).toEqual(keys.map((key) => bucketOf(partitioning, key)))
})
