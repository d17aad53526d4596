import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshSeed, seededRandom, uniqueId } from '../../../src/core/random.ts'
import type { ClaimedItem, NewItem } from '../../../src/queues/queue-engine.ts'
import { PRIORITIES } from '../../../src/queues/queue-engine.ts'
import { maintainQueues } from '../../../src/queues/queues/postgres/maintain.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'
import type { QueuesBed, TestQueues } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'

const RUNS = 4
const STEPS = 150

let bed: QueuesBed
let queues: TestQueues

beforeAll(async () => {
  bed = await createQueuesBed()
  queues = await bed.queues()
})

afterAll(() => bed.end())

/** A transaction that has put items in, and waits to be told how it ends. */
interface Open {
  readonly payloads: readonly string[]
  end(how: 'commit' | 'rollback'): Promise<void>
}

test('misses nothing, and hands out nothing that is done, whatever commits, rolls back, comes back and is compacted when', async () => {
  for (let run = 0; run < RUNS; run++) {
    const seed = freshSeed()
    const random = seededRandom(seed)
    const name = await queues.queue()
    // Time stands still: what the worker has found out is never forgotten, and has to be right.
    const engine = createPostgresQueues(queues.database, { clock: virtualClock(), lease: '1h' })
    const worker = await engine.join(name, { claimedMax: 1_000 })
    const open: Open[] = []
    const expected: string[] = []
    const done: string[] = []
    let held: ClaimedItem[] = []
    let count = 0

    async function begin(): Promise<void> {
      const items = Array.from({ length: 1 + random.integer(4) }, (): NewItem => ({
        itemId: uniqueId(),
        priority: random.pick(PRIORITIES),
        payload: String(count++),
      }))
      const [written, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<'commit' | 'rollback'>()]
      const ended = queues.database
        .transaction(async (transaction) => {
          await engine.enqueue(name, items, { transaction })
          written.resolve()
          if ((await gate.promise) === 'rollback') throw new Error('rolled back')
        })
        .catch((error: Error) => {
          if (error.message !== 'rolled back') throw error
        })
      await written.promise
      const payloads = items.map(({ payload }) => payload)
      open.push({
        payloads,
        async end(how) {
          gate.resolve(how)
          await ended
        },
      })
    }
    async function endOne(): Promise<void> {
      const [transaction] = open.splice(random.integer(open.length), 1) as [Open]
      const how = random.next() < 0.3 ? 'rollback' : 'commit'
      await transaction.end(how)
      if (how === 'commit') expected.push(...transaction.payloads)
    }
    async function settle(): Promise<void> {
      const item = held.splice(random.integer(held.length), 1)[0]!
      const chance = random.next()
      if (chance < 0.2) await worker.giveBack([item])
      else if (chance < 0.4) await worker.retry(item, { cause: 'later', attempts: item.attempt, afterMs: 0 })
      else {
        expect(await worker.complete([item])).toEqual([])
        done.push(item.payload)
      }
    }

    for (let step = 0; step < STEPS; step++) {
      const chance = random.next()
      if (chance < 0.3 && open.length < 6) await begin()
      else if (chance < 0.5 && open.length > 0) await endOne()
      else if (chance < 0.7) held.push(...(await worker.claim(1 + random.integer(5))))
      else if (chance < 0.95 && held.length > 0) await settle()
      else if (chance >= 0.95 && open.length === 0) await maintainQueues(queues.database, { deadMax: 0 })
    }
    while (open.length > 0) await endOne()
    for (;;) {
      const claimed = await worker.claim(7)
      if (claimed.length === 0) break
      held.push(...claimed)
    }
    await worker.complete(held)
    done.push(...held.map(({ payload }) => payload))
    held = []
    const sorted = (texts: readonly string[]): readonly number[] => texts.map(Number).sort((a, b) => a - b)
    expect({ seed, done: sorted(done) }).toEqual({ seed, done: sorted(expected) })
    await worker.leave()
    await engine.end()
  }
}, 120_000)

test('trusts no floor of an earlier incarnation of the server, whose numbers of transactions come again', async () => {
  const name = await queues.queue()
  const engine = createPostgresQueues(queues.database, { clock: virtualClock(), lease: '1h' })
  const worker = await engine.join(name, { claimedMax: 10 })
  expect(await worker.claim(1)).toEqual([])
  // What somebody gives back whose transaction has a number that was in use before the crash.
  await queues.database.query(
    `insert into tenfold_queues.waiting (queue, priority, run_at, due_at, xid, item_id, payload)
     select id, 2, now() - interval '1 hour', now(), '3', $2, 'old' from tenfold_queues.queue where name = $1`,
    [name, uniqueId()],
  )
  expect(await worker.claim(1)).toEqual([])
  await queues.database.query('update tenfold_queues.incarnation set id = gen_random_uuid()')
  const claimed = await worker.claim(1)
  expect(claimed.map(({ payload }) => payload)).toEqual(['old'])
  await worker.complete(claimed)
  await worker.leave()
  await engine.end()
})
