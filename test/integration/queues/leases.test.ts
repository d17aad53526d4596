import { afterAll, beforeAll, expect, test } from 'vitest'
import { TenfoldError } from '../../../src/core/errors.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { ClaimedItem, NewItem } from '../../../src/queues/queue-engine.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { until } from '../clusters/test-bed.ts'
import type { QueuesBed, TestQueues } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'

let bed: QueuesBed
let queues: TestQueues

beforeAll(async () => {
  bed = await createQueuesBed()
  queues = await bed.queues()
})

afterAll(() => bed.end())

const items = (count: number): NewItem[] =>
  Array.from({ length: count }, (_, n) => ({ itemId: uniqueId(), priority: 'normal', payload: String(n) }))

/** The database, where something happens to statements that match. */
function meddle(matches: RegExp, meddling: (run: () => Promise<unknown>) => Promise<unknown>): DatabaseConnection {
  return new Proxy(queues.database, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown
      if (name !== 'query') return typeof member === 'function' ? (member.bind(target) as unknown) : member
      return (text: string, values?: readonly unknown[]) => {
        const run = (): Promise<unknown> => target.query(text, values)
        return matches.test(text) ? meddling(run) : run()
      }
    },
  })
}

test('gives back what a claim has taken whose answer was lost', async () => {
  const name = await queues.queue()
  let isLost = false
  const database = meddle(/\.claim\(/, async (run) => {
    const result = await run()
    if (isLost) return result
    isLost = true
    throw new TenfoldError('TF_CONNECTION_LOST', 'the answer was lost')
  })
  const engine = createPostgresQueues(database)
  await engine.enqueue(name, items(3))
  const worker = await engine.join(name, { claimedMax: 10 })
  await expect(worker.claim(10)).rejects.toMatchObject({ code: 'TF_CONNECTION_LOST' })
  const claimed = await worker.claim(10)
  expect(claimed.map(({ payload, attempt }) => [payload, attempt])).toEqual([
    ['0', 1],
    ['1', 1],
    ['2', 1],
  ])
  expect(await worker.complete(claimed)).toEqual([])
  await worker.leave()
  await engine.end()
})

test("what a worker has that was not heard of is another's, and it goes on with what comes then", async () => {
  const name = await queues.queue()
  let isCutOff = false
  const database = meddle(/update tenfold_queues.worker/, (run) =>
    isCutOff ? Promise.reject(new TenfoldError('TF_DATABASE_UNREACHABLE', 'cut off')) : run(),
  )
  const [engine, other] = [
    createPostgresQueues(database, { lease: '1s' }),
    createPostgresQueues(queues.database, { lease: '1s' }),
  ]
  await engine.enqueue(name, items(2))
  const [worker, heir] = [await engine.join(name, { claimedMax: 10 }), await other.join(name, { claimedMax: 10 })]
  const claimed = await worker.claim(2)
  isCutOff = true
  await until('it knows that it has lost them', () => claimed.every(({ signal }) => signal.aborted))
  expect(claimed.map(({ signal }) => (signal.reason as { code: string }).code)).toEqual([
    'TF_CLAIM_LOST',
    'TF_CLAIM_LOST',
  ])
  const inherited: ClaimedItem[] = []
  await until('another has them', async () => {
    inherited.push(...(await heir.claim(10)))
    return inherited.length === 2
  })
  expect(inherited.map(({ attempt }) => attempt)).toEqual([2, 2])
  isCutOff = false
  expect(await worker.complete(claimed)).toEqual(claimed)
  expect(await heir.complete(inherited)).toEqual([])
  await engine.enqueue(name, items(1))
  const [next] = await worker.claim(1)
  expect(await worker.complete([next!])).toEqual([])
  await Promise.all([worker.leave(), heir.leave()])
  await Promise.all([engine.end(), other.end()])
})

test('what is lost again and again does not take the same others with it each time', async () => {
  const name = await queues.queue()
  const engine = createPostgresQueues(queues.database, { lease: '1s' })
  await engine.enqueue(name, items(20))
  // A worker dies that has them all, and so does the next.
  for (let death = 1; death <= 2; death++) {
    const { rows } = await queues.database.query<{ id: string; queue: number }>(
      `insert into tenfold_queues.worker (id, queue, lease_until)
       select gen_random_uuid(), id, clock_timestamp() + interval '1 minute' from tenfold_queues.queue where name = $1
       returning id, queue`,
      [name],
    )
    await queues.database.query(`select tenfold_queues.claim($1, $2, 100, null, null, null, null) /* update */`, [
      rows[0]!.queue,
      rows[0]!.id,
    ])
    await queues.database.query(`update tenfold_queues.worker set lease_until = '-infinity' where id = $1`, [
      rows[0]!.id,
    ])
    await queues.database.query('select tenfold_queues.reap() /* update */')
  }
  const { rows } = await queues.database.query<{ attempts: number; times: number; late: number }>(
    `select min(attempts) as attempts, count(distinct run_at)::int as times,
       extract(epoch from max(run_at) - clock_timestamp())::float8 as late
     from tenfold_queues.waiting join tenfold_queues.queue on queue.id = waiting.queue where name = $1`,
    [name],
  )
  expect(rows[0]).toMatchObject({ attempts: 2, times: 20 })
  expect(rows[0]!.late).toBeLessThan(0.6)
  await engine.end()
})

test('keeps the cause of an item also where the database could not hold all of it', async () => {
  const name = await queues.queue()
  const engine = createPostgresQueues(queues.database)
  await engine.enqueue(name, items(1))
  const worker = await engine.join(name, { claimedMax: 1 })
  const [item] = await worker.claim(1)
  await worker.bury(item!, { cause: `no\0thing${'!'.repeat(5_000)}`, attempts: 1 })
  const [dead] = await (await engine.deadItems(name)).list()
  expect(dead?.cause).toBe(`nothing${'!'.repeat(1_993)}`)
  await worker.leave()
  await engine.end()
})
