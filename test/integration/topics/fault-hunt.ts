import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { Random } from '../../../src/core/random.ts'
import { freshSeed, seededRandom } from '../../../src/core/random.ts'
import { ensureTopic } from '../../../src/topics/logs/postgres/layout.ts'
import { until } from '../clusters/test-bed.ts'
import type { TestLog } from './topics-bed.ts'
import type { WorkerOrder } from './topics-worker.ts'

/** A hunt for what is lost, happens twice, or out of order, while processes are killed and frozen. */
export interface FaultHunt {
  /** Has the outbox. */
  readonly shop: TestLog
  /** Has the effects, and the log unless a broker has it. */
  readonly central: TestLog
  /** Where the log is, if it is in a broker. */
  readonly broker?: Pick<WorkerOrder, 'rabbitUrl'>
  readonly faults: number
  /** How long a process is frozen, ms: longer than a lease. */
  readonly frozenMs: number
  /** A fault of something else, once in five. */
  readonly strike?: (random: Random) => Promise<void>
}

const WORKER = fileURLToPath(new URL('topics-worker.ts', import.meta.url))
const USERS = 8

/**
 * Publishes, relays and consumes in processes of their own, strikes, waits until all has arrived, and looks at it.
 *
 * @returns what was done, for people
 */
export async function huntFaults({ shop, central, broker, faults, frozenMs, strike }: FaultHunt): Promise<string> {
  const seed = freshSeed()
  const random = seededRandom(seed)
  const topic = 'changes'
  for (const { database } of [shop, central]) await ensureTopic(database, { name: topic, partitions: 4 })
  await shop.database.query('create table account (id text primary key, version int not null)')
  await shop.database.query(`insert into account select 'user' || n, 0 from generate_series(0, $1::int - 1) n`, [USERS])
  await central.database.query(
    'create table effect (number bigserial primary key, kind text not null, usr text not null, version int not null)',
  )
  const struck = { killed: 0, frozen: 0, other: 0 }
  const places = { shopUrl: shop.url, logUrl: central.url, topic, users: USERS, ...broker }
  const workers = new Set<ChildProcess>()
  const start = (role: WorkerOrder['role']): ChildProcess => startWorker({ role, ...places }, workers)
  const roles = ['producer', 'relay', 'relay', 'consumer', 'consumer'] as const
  const team = roles.map((role) => ({ role, worker: start(role) }))
  const committedSoFar = async (): Promise<number> =>
    (await shop.database.query<{ sum: number }>('select sum(version)::int as sum from account')).rows[0]!.sum
  const effects = async (): Promise<number> =>
    (await central.database.query<{ count: number }>('select count(*)::int as count from effect')).rows[0]!.count
  try {
    await until('the first effects are there', async () => (await effects()) > 0)
    for (let n = 0; n < faults; n++) {
      await sleep(systemClock, 100 + random.integer(500))
      if (strike !== undefined && random.next() < 0.2) {
        await strike(random)
        struck.other++
        continue
      }
      const member = random.pick(team)
      if (random.next() < 0.3) {
        // Longer than the lease: whoever wakes up then thinks that it has its partitions.
        struck.frozen++
        member.worker.kill('SIGSTOP')
        const { worker } = member
        systemClock.schedule(frozenMs, () => worker.kill('SIGCONT'))
      } else {
        struck.killed++
        const exit = once(member.worker, 'exit')
        member.worker.kill('SIGKILL')
        await exit
        member.worker = start(member.role)
      }
    }
    await sleep(systemClock, frozenMs + 100)
    await until('enough is committed', async () => (await committedSoFar()) > 100)
    await Promise.all(team.filter(({ role }) => role === 'producer').map(({ worker }) => end(worker)))
    const { rows: accounts } = await shop.database.query<{ id: string; version: number }>('select * from account')
    const committed = accounts.reduce((sum, { version }) => sum + version, 0)
    await until(`all of seed ${seed} have arrived`, async () => (await effects()) >= 2 * committed)
    await Promise.all(team.map(({ worker }) => end(worker)))
    const { rows } = await central.database.query<{ kind: string; usr: string; versions: number[] }>(
      'select kind, usr, array_agg(version order by number) as versions from effect group by kind, usr',
    )
    for (const kind of ['each', 'batch']) {
      for (const { id, version } of accounts) {
        const seen = rows.find((row) => row.kind === kind && row.usr === id)?.versions ?? []
        const expected = Array.from({ length: version }, (_, n) => n + 1)
        expect({ seed, kind, id, seen }).toEqual({ seed, kind, id, seen: expected })
      }
    }
    const { killed, frozen, other } = struck
    return `seed ${seed}: ${committed} committed, lost 0, effects twice 0; ${killed} processes killed, ${frozen} frozen, ${other} strikes at the broker`
  } finally {
    for (const worker of workers) worker.kill('SIGKILL')
  }
}

function startWorker(order: WorkerOrder, workers: Set<ChildProcess>): ChildProcess {
  const worker = spawn(process.execPath, ['--conditions=tenfold-source', WORKER, JSON.stringify(order)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  workers.add(worker)
  worker.once('exit', () => workers.delete(worker))
  return worker
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const exit = once(worker, 'exit')
  worker.kill('SIGTERM')
  await exit
}
