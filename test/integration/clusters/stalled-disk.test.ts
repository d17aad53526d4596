import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed, until } from './test-bed.ts'

let bed: TestBed

beforeAll(async () => {
  bed = await createTestBed()
})

afterAll(() => bed.end())

/** Who is in the middle of putting the log on the disk, holds up everybody who waits for the same. */
const FLUSHES = `select wait_event in ('WalWrite', 'WalSync') as flushes from pg_stat_activity where pid = $1`
const ENDLESS_COMMITS = `do $$ begin loop insert into note values ('again'); commit; end loop; end $$`
const ATTEMPTS_MAX = 1_000

/** Stops a back end at a moment in which nobody else can put anything on the disk; gives what lets it go on. */
async function stallLog(admin: DatabaseConnection, commits: DatabaseConnection): Promise<() => Promise<void>> {
  const { rows } = await commits.query<{ pid: number }>('select pg_backend_pid() as pid')
  const { pid } = rows[0]!
  // A server with somebody who is stopped does not end in order.
  onTestFinished(() => {
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      // It has ended.
    }
  })
  const ended = commits.query(ENDLESS_COMMITS).catch(() => undefined)
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    process.kill(pid, 'SIGSTOP')
    await sleep(systemClock, 10)
    if ((await admin.query<{ flushes: boolean }>(FLUSHES, [pid])).rows[0]?.flushes === true) {
      return async () => {
        process.kill(pid, 'SIGCONT')
        await admin.query('select pg_terminate_backend($1)', [pid])
        await ended
      }
    }
    process.kill(pid, 'SIGCONT')
    await sleep(systemClock, 1)
  }
  throw new Error('expected a back end to be stopped while it flushes')
}

test(
  'a primary whose disk takes nothing goes on answering, and an alarm says what writes wait for',
  { timeout: 120_000 },
  async () => {
    const cluster = bed.cluster('stalled', { followers: { count: 1, isSynchronous: true, durability: 'preferred' } })
    await cluster.start()
    const admin = bed.connect(cluster.adminUrl())
    await admin.query('create table note (text text)')
    const go = await stallLog(admin, bed.connect(cluster.adminUrl(), { connectionsMax: 1, statementTimeout: '45s' }))
    const owner = bed.connect(cluster.adminUrl(), { connectionsMax: 1 })
    const writing = owner.query(`insert into note values ('waits')`)
    await until('an alarm', () => cluster.alarm?.reason === 'writes wait for the disk of the primary')
    expect((await admin.query('select from pg_class limit 1')).rowCount).toBe(1)
    expect(cluster.term).toBe(1)
    await go()
    await writing
    await until('no alarm', () => cluster.alarm === undefined)
    await cluster.stop()
  },
)
