import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { freshSeed, seededRandom } from '../../../src/core/random.ts'
import { ensureQueue } from '../../../src/queues/queues/postgres/layout.ts'
import { maintainQueues } from '../../../src/queues/queues/postgres/maintain.ts'
import { createPostgresQueues } from '../../../src/queues/queues/postgres/postgres-queues.ts'
import { until } from '../clusters/test-bed.ts'
import type { QueuesBed, TestQueues } from './queues-bed.ts'
import { createQueuesBed } from './queues-bed.ts'
import type { QueuesOrder } from './queues-worker.ts'

const WORKER = fileURLToPath(new URL('queues-worker.ts', import.meta.url))
const FAULTS = 24
/** However slow the machine is. */
const ORDERS = 100
const POISON_EVERY = 20

let bed: QueuesBed
let shop: TestQueues
let elsewhere: TestQueues
const processes = new Set<ChildProcess>()

beforeAll(async () => {
  bed = await createQueuesBed()
  ;[shop, elsewhere] = [await bed.queues(), await bed.queues()]
})

afterAll(async () => {
  for (const child of processes) child.kill('SIGKILL')
  await bed.end()
})

function start(role: QueuesOrder['role']): ChildProcess {
  const order: QueuesOrder = { role, url: shop.url, elsewhereUrl: elsewhere.url, poisonEvery: POISON_EVERY }
  const child = spawn(process.execPath, ['--conditions=tenfold-source', WORKER, JSON.stringify(order)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  processes.add(child)
  child.once('exit', () => processes.delete(child))
  return child
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

test('nothing committed is lost, no effect happens twice or early, and poison is put aside, whoever is killed or frozen when', async () => {
  const seed = freshSeed()
  const random = seededRandom(seed)
  await ensureQueue(shop.database, { name: 'here', limits: { concurrency: 6, concurrencyPerKey: 2 } })
  await ensureQueue(shop.database, { name: 'elsewhere' })
  await shop.database.query('create table "order" (id int generated always as identity primary key)')
  for (const { database } of [shop, elsewhere]) {
    await database.query('create table effect (queue text, id int, key text, early_ms float8)')
  }
  const roles = ['producer', 'worker', 'worker', 'storm'] as const
  const team = roles.map((role) => ({ role, child: start(role) }))
  const effects = async (): Promise<readonly { queue: string; id: number; early_ms: number }[]> =>
    (
      await Promise.all(
        [shop, elsewhere].map(({ database }) =>
          database.query<{ queue: string; id: number; early_ms: number }>('select * from effect'),
        ),
      )
    ).flatMap(({ rows }) => rows)
  await until('the first effects are there', async () => (await effects()).length > 0)
  const count = async (): Promise<number> =>
    (await shop.database.query<{ count: number }>('select count(*)::int as count from "order"')).rows[0]!.count
  for (let n = 0; n < FAULTS || (await count()) < ORDERS; n++) {
    await sleep(systemClock, 100 + random.integer(500))
    // Poison kills them, too.
    for (const member of team) if (hasEnded(member.child)) member.child = start(member.role)
    const member = random.pick(team)
    if (random.next() < 0.3) {
      // Longer than the lease: whoever wakes up then thinks that it has its items.
      member.child.kill('SIGSTOP')
      const { child } = member
      systemClock.schedule(1_500, () => child.kill('SIGCONT'))
    } else {
      await end(member.child, 'SIGKILL')
      member.child = start(member.role)
    }
    if (n % 6 === 0) await maintainQueues(shop.database, { deadMax: 100 })
  }
  await sleep(systemClock, 1_600)
  await end(team[0]!.child, 'SIGTERM')
  const { rows: orders } = await shop.database.query<{ id: number }>('select id from "order" order by id')
  const isPoison = (id: number): boolean => id % POISON_EVERY === 0
  const ids = orders.map(({ id }) => id).filter((id) => !isPoison(id))
  const engine = createPostgresQueues(shop.database)
  const dead = async (): Promise<readonly string[]> =>
    (
      await Promise.all(
        ['here', 'elsewhere'].map(async (queue) => (await engine.deadItems(queue)).list({ max: 10_000 })),
      )
    )
      .flat()
      .map(({ payload, attempts }) => `${(JSON.parse(payload) as { id: number }).id} ${attempts}`)
  await until(`all of seed ${seed} are done`, async () => {
    for (const member of team.slice(1)) if (hasEnded(member.child)) member.child = start(member.role)
    return (await effects()).length >= 2 * ids.length && (await dead()).length >= 2 * (orders.length - ids.length)
  })
  await Promise.all(team.map(({ child }) => end(child, 'SIGTERM')))
  const found = await effects()
  for (const queue of ['here', 'elsewhere']) {
    const seen = found.filter((effect) => effect.queue === queue).map(({ id }) => id)
    expect({ seed, queue, seen: seen.sort((a, b) => a - b) }).toEqual({ seed, queue, seen: ids })
  }
  expect(found.filter(({ early_ms }) => early_ms > 0)).toEqual([])
  const poisoned = orders.map(({ id }) => id).filter(isPoison)
  expect((await dead()).map((text) => Number(text.split(' ')[0])).sort((a, b) => a - b)).toEqual(
    poisoned.flatMap((id) => [id, id]),
  )
  await engine.end()
}, 240_000)
