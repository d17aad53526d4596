import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { freshSeed, seededRandom } from '../../../src/core/random.ts'
import { createRabbitQueues } from '../../../src/queues/queues/rabbitmq/rabbit-queues.ts'
import { until } from '../../integration/clusters/test-bed.ts'
import type { QueuesBed } from '../../integration/queues/queues-bed.ts'
import { createQueuesBed } from '../../integration/queues/queues-bed.ts'
import type { RabbitBroker } from './rabbit-broker.ts'
import { startRabbitBroker } from './rabbit-broker.ts'
import type { RabbitQueuesOrder } from './rabbit-queues-worker.ts'

const WORKER = fileURLToPath(new URL('rabbit-queues-worker.ts', import.meta.url))
const FAULTS = 12
const ITEMS = 200
const POISON_EVERY = 40

let broker: RabbitBroker | undefined
let bed: QueuesBed | undefined
const processes = new Set<ChildProcess>()

beforeAll(async () => {
  broker = await startRabbitBroker()
  if (broker !== undefined) bed = await createQueuesBed()
}, 180_000)

afterAll(async () => {
  for (const child of processes) child.kill('SIGKILL')
  await bed?.end()
  await broker?.end()
})

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

test('nothing confirmed is lost, no effect happens twice or early, and poison is put aside, whoever is killed or frozen when, the broker included', async ({
  skip,
}) => {
  if (broker === undefined || bed === undefined) return skip('RabbitMQ is not installed')
  const seed = freshSeed()
  const random = seededRandom(seed)
  const { database, url } = await bed.queues()
  await database.query(
    'create table item (number int generated always as identity primary key, id uuid, is_acknowledged bool default false)',
  )
  await database.query('create table effect (number int, early_ms float8)')
  const queue = 'emails'
  const engine = createRabbitQueues(broker.url, { queues: [queue], lease: '3s' })
  const shared = { rabbitUrl: broker.url, url, queue, poisonEvery: POISON_EVERY }
  const start = (role: RabbitQueuesOrder['role']): ChildProcess => {
    const order: RabbitQueuesOrder = { role, ...shared }
    const child = spawn(process.execPath, ['--conditions=tenfold-source', WORKER, JSON.stringify(order)], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    processes.add(child)
    child.once('exit', () => processes.delete(child))
    return child
  }
  const roles = ['producer', 'worker', 'worker', 'storm'] as const
  const team = roles.map((role) => ({ role, child: start(role) }))
  const restart = (): void => {
    // Poison kills them, too.
    for (const member of team) if (hasEnded(member.child)) member.child = start(member.role)
  }
  const numbers = async (sql: string): Promise<readonly number[]> =>
    (await database.query<{ number: number }>(sql)).rows.map(({ number }) => number)
  const acknowledged = (): Promise<readonly number[]> =>
    numbers('select number from item where is_acknowledged order by number')
  await until('the first effects are there', async () => (await numbers('select number from effect')).length > 0)
  const struck = { killed: 0, frozen: 0, brokerKilled: 0, brokerFrozen: 0 }
  for (let n = 0; n < FAULTS || (await acknowledged()).length < ITEMS; n++) {
    await sleep(systemClock, 100 + random.integer(500))
    restart()
    const member = random.pick(team)
    const dice = random.next()
    if (dice < 0.1) {
      struck.brokerKilled++
      await broker.kill()
      await broker.start()
    } else if (dice < 0.15) {
      struck.brokerFrozen++
      broker.freeze()
      await sleep(systemClock, 4_000)
      broker.thaw()
    } else if (dice < 0.4) {
      // Longer than the lease: whoever wakes up then thinks that it has its items.
      struck.frozen++
      member.child.kill('SIGSTOP')
      const { child } = member
      systemClock.schedule(6_500, () => child.kill('SIGCONT'))
    } else {
      struck.killed++
      await end(member.child, 'SIGKILL')
      member.child = start(member.role)
    }
  }
  await sleep(systemClock, 6_600)
  await end(team[0]!.child, 'SIGTERM')
  const isPoison = (number: number): boolean => number % POISON_EVERY === 0
  const confirmed = await acknowledged()
  const dead = async (): Promise<readonly { number: number; cause: string }[]> =>
    (await (await engine.deadItems(queue)).list({ max: 10_000 })).map(({ payload, cause }) => ({
      number: (JSON.parse(payload) as { number: number }).number,
      cause,
    }))
  let missing: readonly number[] = []
  await until(`all of seed ${seed} are done`, async () => {
    for (const member of team.slice(1)) if (hasEnded(member.child)) member.child = start(member.role)
    const there = new Set([
      ...(await numbers('select number from effect')),
      ...(await dead()).map(({ number }) => number),
    ])
    missing = confirmed.filter((number) => !there.has(number))
    await sleep(systemClock, 200)
    return missing.length === 0
  }).catch((error: unknown) => {
    throw new Error(`missing: ${missing.join(' ')}`, { cause: error })
  })
  await Promise.all(team.map(({ child }) => end(child, 'SIGTERM')))
  expect({ seed, twice: await numbers('select number from effect group by number having count(*) > 1') }).toEqual({
    seed,
    twice: [],
  })
  expect(await numbers('select number from effect where early_ms > 0')).toEqual([])
  expect((await dead()).filter(({ number }) => !isPoison(number))).toEqual([])
  expect((await numbers('select number from effect')).filter(isPoison)).toEqual([])
  await engine.end()
  process.stdout.write(
    `\nran      RabbitMQ ${broker.version}, a hunt in queues: seed ${seed}: ${confirmed.length} confirmed, lost 0, effects twice 0; ${JSON.stringify(struck)}\n`,
  )
}, 480_000)
