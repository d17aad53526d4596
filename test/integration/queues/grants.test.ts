import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { createEnqueuer } from '../../../src/queues/enqueuer.ts'
import { grantQueues } from '../../../src/queues/queues/postgres/grants.ts'
import { maintainQueues } from '../../../src/queues/queues/postgres/maintain.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { createWorker } from '../../../src/queues/worker.ts'
import type { TopicTransaction } from '../../../src/topics/topic-database.ts'
import { until } from '../clusters/test-bed.ts'
import type { QueuesBed, TestQueues } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'

const ROLES = { enqueuers: 'putting', workers: 'working', others: 'reading' }

let bed: QueuesBed
let queues: TestQueues

beforeAll(async () => {
  bed = await createQueuesBed()
  queues = await bed.queues()
  for (const role of Object.values(ROLES)) {
    await bed.admin.query(`create role ${role}`)
    await bed.admin.query(`grant ${role} to queues`)
  }
  await queues.database.query('create table effect (number int)')
  await queues.database.query('grant insert on effect to working')
  // Twice, as at each start.
  for (let start = 1; start <= 2; start++) await grantQueues(queues.database, ROLES)
})

afterAll(() => bed.end())

function as(role: string): DatabaseConnection {
  const url = new URL(queues.url)
  url.searchParams.set('options', `-c role=${role}`)
  return bed.connect(url.href, { connectionsMax: 6 })
}

test.each<[role: string, statement: string]>([
  ['reading', 'select from tenfold_queues.waiting'],
  ['putting', 'select from tenfold_queues.dead'],
  ['putting', 'insert into tenfold_queues.running select from tenfold_queues.waiting'],
  ['putting', 'select tenfold_queues.reap()'],
  ['working', `insert into tenfold_queues.queue (name) values ('mine')`],
  ['working', 'update tenfold_queues.queue set concurrency = 1'],
  ['working', 'delete from tenfold_queues.dead'],
  ['working', `select tenfold_queues.compact('waiting', 1)`],
  ['working', 'create table tenfold_queues.mine (a int)'],
])('%s may not %s', async (role, statement) => {
  await expect(as(role).query(statement)).rejects.toMatchObject({ code: '42501' })
})

test('those who put items in and those who work can do so, with limits, keys, retries and dead items', async () => {
  const name = await queues.queue({ concurrency: 4, concurrencyPerKey: 1 })
  const putting = createPostgresQueues(as('putting'))
  const numbers = createEnqueuer<number>({ engine: putting, queue: name })
  const database = as('working')
  const engine = createPostgresQueues(database, { lease: '1s' })
  const worker = createWorker<number, TopicTransaction>({
    engine,
    queue: name,
    effects: database,
    retry: { attempts: 2, pause: '1ms' },
    handler: {
      async each({ value }, { transaction, reportProgress }) {
        reportProgress('half')
        if (value === 7) throw new Error('unlucky')
        await transaction.query('insert into effect values ($1)', [value])
      },
    },
  })
  const once = { key: 'only', until: 'finished' } as const
  for (let n = 0; n < 10; n++) await numbers.enqueue(n, { key: `k${n % 2}` })
  await numbers.enqueue(10, { once, delay: '1ms' })
  const { itemId } = await numbers.enqueue(11, { delay: '1h' })
  expect(await numbers.cancel(itemId)).toBe('cancelled')
  await worker.start()
  const effects = async (): Promise<string> =>
    (await queues.database.query<{ number: number }>('select number from effect order by 1')).rows
      .map(({ number }) => number)
      .join()
  await until('the effects', async () => (await effects()) === '0,1,2,3,4,5,6,8,9,10')
  const dead = await createPostgresQueues(queues.database).deadItems(name)
  await until('a dead item', async () => (await dead.list()).length === 1)
  await maintainQueues(queues.database, { deadMax: 0 })
  expect(await numbers.enqueue(12, { once })).toMatchObject({ isDuplicate: false })
  await until('the last effect', async () => (await effects()).endsWith('12'))
  await worker.stop()
  await Promise.all([engine, putting].map((each) => each.end()))
})
