import { expect, test } from 'vitest'
import { TenfoldError } from '../../src/core/errors.ts'
import { migrateInOrder } from '../../src/runtime/migrate-in-order.ts'

function shards(...names: readonly string[]): { name: string; migrate: () => Promise<number> }[] {
  return names.map((name) => ({
    name,
    async migrate() {
      if (name.startsWith('bad'))
        throw new TenfoldError('TF_MIGRATION_FAILED', 'expected 1.sql to apply', { hint: 'mend it' })
      return 2
    },
  }))
}

test('says how many files each shard got', async () => {
  const applied = await migrateInOrder(shards('orders-0', 'orders-1'))
  expect(applied).toEqual([
    { name: 'orders-0', files: 2 },
    { name: 'orders-1', files: 2 },
  ])
})

test('ends at the first failure, and says which shard it was and what is done', async () => {
  const steps = shards('orders-0', 'bad-1')
  steps.push({ name: 'orders-2', migrate: () => Promise.reject(new Error('not to be reached')) })
  await expect(migrateInOrder(steps)).rejects.toMatchObject({
    code: 'TF_MIGRATION_FAILED',
    message: 'on bad-1, 1 of 3 shards being done: expected 1.sql to apply',
    hint: 'mend it; what is done stays done',
    details: { shard: 'bad-1', done: ['orders-0'] },
  })
})

test('says nothing of shards where there are none', async () => {
  await expect(migrateInOrder(shards('bad'))).rejects.toMatchObject({ message: 'expected 1.sql to apply' })
})
