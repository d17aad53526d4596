import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { freshSeed, seededRandom } from '../../../src/core/random.ts'
import { ensureTopic } from '../../../src/topics/logs/postgres/layout.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog, TopicsBed } from './topics-bed.ts'
import { createTopicsBed } from './topics-bed.ts'
import type { WorkerOrder } from './topics-worker.ts'

const WORKER = fileURLToPath(new URL('topics-worker.ts', import.meta.url))
const USERS = 8
const FAULTS = 24

let bed: TopicsBed
let shop: TestLog
let central: TestLog
const workers = new Set<ChildProcess>()

beforeAll(async () => {
  bed = await createTopicsBed()
  ;[shop, central] = await Promise.all([bed.log(), bed.log()])
})

afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL')
  await bed.end()
})

function startWorker(order: WorkerOrder): ChildProcess {
  const worker = spawn(process.execPath, ['--conditions=tenfold-source', WORKER, JSON.stringify(order)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  workers.add(worker)
  worker.once('exit', () => workers.delete(worker))
  return worker
}

test('nothing committed is lost, no effect happens twice, and keys keep their order, whoever is killed or frozen when', async () => {
  const seed = freshSeed()
  const random = seededRandom(seed)
  const topic = 'changes'
  for (const { database } of [shop, central]) await ensureTopic(database, { name: topic, partitions: 4 })
  await shop.database.query('create table account (id text primary key, version int not null)')
  await shop.database.query(`insert into account select 'user' || n, 0 from generate_series(0, $1::int - 1) n`, [USERS])
  await central.database.query(
    'create table effect (number bigserial primary key, kind text not null, usr text not null, version int not null)',
  )
  const places = { shopUrl: shop.url, logUrl: central.url, topic, users: USERS }
  const orderOf = (role: WorkerOrder['role']): WorkerOrder => ({ role, ...places })
  const roles = ['producer', 'relay', 'relay', 'consumer', 'consumer'] as const
  const team = roles.map((role) => ({ role, worker: startWorker(orderOf(role)) }))
  const effects = async (): Promise<number> =>
    (await central.database.query<{ count: number }>('select count(*)::int as count from effect')).rows[0]!.count
  await until('the first effects are there', async () => (await effects()) > 0)
  for (let n = 0; n < FAULTS; n++) {
    await sleep(systemClock, 100 + random.integer(500))
    const member = random.pick(team)
    if (random.next() < 0.3) {
      // Longer than the lease: whoever wakes up then thinks that it has its partitions.
      member.worker.kill('SIGSTOP')
      const { worker } = member
      systemClock.schedule(1_500, () => worker.kill('SIGCONT'))
    } else {
      const exit = once(member.worker, 'exit')
      member.worker.kill('SIGKILL')
      await exit
      member.worker = startWorker(orderOf(member.role))
    }
  }
  await sleep(systemClock, 1_600)
  for (const { role, worker } of team) {
    if (role !== 'producer') continue
    const exit = once(worker, 'exit')
    worker.kill('SIGTERM')
    await exit
  }
  const { rows: accounts } = await shop.database.query<{ id: string; version: number }>('select * from account')
  const committed = accounts.reduce((sum, { version }) => sum + version, 0)
  expect(committed).toBeGreaterThan(100)
  await until(`all of seed ${seed} have arrived`, async () => (await effects()) >= 2 * committed)
  for (const { worker } of team) {
    if (worker.exitCode !== null || worker.signalCode !== null) continue
    const exit = once(worker, 'exit')
    worker.kill('SIGTERM')
    await exit
  }
  const { rows } = await central.database.query<{ kind: string; usr: string; versions: number[] }>(
    'select kind, usr, array_agg(version order by number) as versions from effect group by kind, usr',
  )
  for (const kind of ['each', 'batch']) {
    for (const { id, version } of accounts) {
      const seen = rows.find((row) => row.kind === kind && row.usr === id)?.versions ?? []
      expect({ seed, kind, id, seen }).toEqual({
        seed,
        kind,
        id,
        seen: Array.from({ length: version }, (_, n) => n + 1),
      })
    }
  }
}, 180_000)
