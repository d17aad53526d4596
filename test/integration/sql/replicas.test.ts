import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { hasCode } from '../../../src/core/errors.ts'
import type { SentCommit } from '../../../src/sql/commit-status.ts'
import { formatCommitToken } from '../../../src/sql/commit-status.ts'
import type { DatabaseAddress, DatabaseConnection, DatabaseOptions } from '../../../src/sql/database.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { ReadToken } from '../../../src/sql/position.ts'
import type { ReadView } from '../../../src/sql/read-view.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'
import type { Standby } from './standby.ts'
import { followBy } from './standby.ts'

interface Tables {
  account: { id: number; cents: number }
}

let bed: TestBed
let cluster: Cluster
let standby: Standby
let database: DatabaseConnection<Tables>

beforeAll(async () => {
  bed = await createTestBed()
  cluster = bed.cluster('orders')
  await cluster.start()
  const owner = bed.connect(cluster.url())
  await owner.query('create table account (id int primary key, cents int not null)')
  await owner.query('insert into account values (1, 0)')
  await owner.query(`create function bump() returns int language sql as
    'update account set cents = cents + 1 where id = 1 returning cents'`)
  standby = await followBy(bed, cluster, 'follower')
})

afterAll(() => bed.end())

function address(more: Partial<DatabaseAddress> = {}): DatabaseAddress {
  return { url: cluster.url(), connectionsMax: 6, term: 1, replicas: [{ url: standby.url }], ...more }
}

function connect(more: Partial<DatabaseAddress> = {}, options: DatabaseOptions = {}): DatabaseConnection<Tables> {
  const made = connectDatabase<Tables>(address(more), options)
  onTestFinished(() => made.end())
  return made
}

beforeEach(() => {
  database = connect()
})

async function isOnReplica(view: ReadView<Tables>): Promise<boolean> {
  const { rows } = await view.query<{ follows: boolean }>('select pg_is_in_recovery() as follows')
  return rows[0]?.follows === true
}

async function centsIn(view: ReadView<Tables>): Promise<number | undefined> {
  return (await view.db.selectFrom('account').select('cents').where('id', '=', 1).executeTakeFirst())?.cents
}

/** A transaction that has committed, as the error of one with an unknown outcome would name it. */
async function commitOf(connection: DatabaseConnection<Tables>): Promise<SentCommit> {
  return connection.transaction(async (tx) => {
    await tx.query('select bump()')
    const { rows } = await tx.query<{ id: string; lsn: string }>(
      `select pg_current_xact_id()::text as id, (pg_current_wal_insert_lsn() - '0/0')::text as lsn`,
    )
    return { id: BigInt(rows[0]?.id ?? 0), lsn: BigInt(rows[0]?.lsn ?? 0), term: 1 }
  })
}

describe('reads of a database with a replica', () => {
  test('go to the replica', async () => {
    await until('the replica to take reads', () => isOnReplica(database.read()))
    expect(await isOnReplica(connect({ replicas: [] }).read())).toBe(false)
  })

  test('see what was written before their token, and most of them on the replica', async () => {
    let onReplica = 0
    for (let cents = 1; cents <= 100; cents++) {
      await database.db.updateTable('account').set({ cents }).where('id', '=', 1).execute()
      // A busy machine may take its time.
      const view = database.read({ after: await database.token(), wait: '2s', lag: '10s' })
      expect(await centsIn(view)).toBe(cents)
      if (await isOnReplica(view)) onReplica++
    }
    expect(onReplica).toBeGreaterThan(50)
  })

  test('never show less than the read before, wherever they go', async () => {
    const other = connect({ replicas: [] })
    const writing = (async () => {
      for (let count = 0; count < 100; count++) await other.query('select bump()')
    })()
    let seen = 0
    let after: string | undefined
    for (let count = 0; count < 200; count++) {
      const view: ReadView<Tables> = (count % 2 === 0 ? database : other).read({ after })
      const cents = (await centsIn(view)) ?? 0
      expect(cents).toBeGreaterThanOrEqual(seen)
      seen = cents
      after = await view.token()
    }
    await writing
  })

  test.each([true, false])('do not write (on a replica: %s)', async (hasReplica) => {
    const view = connect(hasReplica ? {} : { replicas: [] }).read()
    await expect(view.query('update account set cents = 0')).rejects.toMatchObject({ code: '25006' })
    await expect(view.query('select bump()')).rejects.toMatchObject({ code: '25006' })
  })

  describe('while the replica replays nothing', () => {
    beforeEach(async () => {
      await until('the replica to take reads', () => isOnReplica(database.read()))
      await standby.replay(false)
    })
    afterEach(() => standby.replay(true))

    test('go to the primary if they have to see more, after their wait', async () => {
      await database.query('select bump()')
      const view = database.read({ after: await database.token(), wait: '50ms' })
      expect(await isOnReplica(view)).toBe(false)
      expect(await isOnReplica(database.read({ lag: '30s' }))).toBe(true)
    })

    test('leave the replica once it is too far behind', async () => {
      await database.query('select bump()')
      await sleep(systemClock, 1_100)
      expect(await isOnReplica(database.read())).toBe(false)
      await standby.replay(true)
      await until('the replica to take reads again', () => isOnReplica(database.read()))
    })
  })

  describe('while writes wait for a standby, and the replica shows them', () => {
    const onPrimary = (options?: DatabaseOptions): DatabaseConnection<Tables> => connect({ replicas: [] }, options)
    let before: { cents: number; token: ReadToken }
    let view: ReadView<Tables>
    let writing: Promise<unknown>

    async function waitForStandby(name: string): Promise<void> {
      const admin = bed.connect(cluster.adminUrl(), { connectionsMax: 1 })
      await admin.query(`alter system set synchronous_standby_names = '${name}'`)
      await admin.query('select pg_reload_conf()')
      await admin.end()
    }

    beforeEach(async () => {
      await until('the replica to take reads', async () => {
        const first = database.read()
        before = { cents: (await centsIn(first)) ?? 0, token: await first.token() }
        return isOnReplica(first)
      })
      await waitForStandby('nobody')
      await until('sessions to be told', async () => {
        const { rows } = await onPrimary().query(`select 1 where current_setting('synchronous_standby_names') <> ''`)
        return rows.length === 1
      })
      const writer = onPrimary()
      // The next one is told for certain: who was told first waits for the checkpointer, which tells the others.
      await bed.connect(cluster.adminUrl(), { connectionsMax: 1 }).query('checkpoint')
      writing = writer.query('select bump()')
      await until('the replica to show it', async () => {
        view = database.read({ lag: '1m' })
        return (await centsIn(view)) === before.cents + 1 && (await isOnReplica(view))
      })
    })

    afterEach(async () => {
      await waitForStandby('')
      await writing
    })

    test('a read after it waits on the primary until that shows it too', async () => {
      const token = await view.token()
      const reader = onPrimary()
      let isRead = false
      const reading = centsIn(reader.read({ after: token })).finally(() => (isRead = true))
      expect(await centsIn(reader.read())).toBe(before.cents)
      expect(await centsIn(reader.read({ after: await reader.token() }))).toBe(before.cents)
      expect(isRead).toBe(false)
      await waitForStandby('')
      expect(await reading).toBe(before.cents + 1)
    })

    test('a read after what was seen earlier does not wait', async () => {
      expect(before.token).toContain('.')
      expect(await centsIn(onPrimary().read({ after: before.token }))).toBe(before.cents)
    })

    test('a read after it fails when that takes too long, and a later one of the same view does not', async () => {
      const late = onPrimary({ acquireTimeout: '500ms' }).read({ after: await view.token() })
      await expect(centsIn(late)).rejects.toMatchObject({ code: 'TF_TIMEOUT' })
      await waitForStandby('')
      await writing
      expect(await centsIn(late)).toBe(before.cents + 1)
    })

    test('a commit that was cut off there is said to have happened only once the standby has it', async () => {
      let pid = 0
      const commit = onPrimary().transaction(async (tx) => {
        await tx.query('insert into account values (2, 0)')
        pid = (await tx.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid
      })
      const cutOff = commit.catch((error: unknown) => error as Error)
      const admin = bed.connect(cluster.adminUrl(), { connectionsMax: 1 })
      await until('the commit to wait', async () => {
        const { rows } = await admin.query(`select from pg_stat_activity where pid = $1 and wait_event = 'SyncRep'`, [
          pid,
        ])
        return rows.length === 1
      })
      await admin.query('select pg_terminate_backend($1)', [pid])
      const error = (await cutOff) as Error
      expect(error).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
      // The primary shows it: who waits in vain is told so, and then it is committed.
      await until('the primary to show it', async () => {
        return (await onPrimary().query('select from account where id = 2')).rowCount === 1
      })
      expect(await database.committed(error)).toBe('unknown')
      await waitForStandby('')
      expect(await database.committed(error)).toBe('committed')
    })

    test('a view whose replica goes away does not go back either', async () => {
      database.moveTo(address({ replicas: [] }))
      const reading = centsIn(view)
      expect(await centsIn(onPrimary().read())).toBe(before.cents)
      await waitForStandby('')
      expect(await reading).toBe(before.cents + 1)
      expect(await isOnReplica(view)).toBe(false)
    })
  })

  test('go to the primary while the replica is away', async () => {
    const away = connect({ replicas: [{ url: 'postgres://nobody@127.0.0.1:1/orders' }] })
    expect(await isOnReplica(away.read())).toBe(false)
    expect(await centsIn(away.read({ after: await away.token() }))).toBeGreaterThanOrEqual(0)
  })
})

describe('a primary', () => {
  test('that is of an earlier term than the binding says gets nothing', async () => {
    const ahead = connect({ term: 2 }, { acquireTimeout: '500ms' })
    const outcome = await ahead.query('select bump()').catch((error: unknown) => error)
    expect(outcome).toMatchObject({ code: 'TF_DATABASE_UNREACHABLE', cause: { code: 'TF_NOT_PRIMARY' } })
  })

  test('that only follows gets nothing', async () => {
    const wrong = connect({ url: standby.url }, { acquireTimeout: '500ms' })
    await expect(wrong.query('select bump()')).rejects.toMatchObject({ cause: { code: 'TF_NOT_PRIMARY' } })
  })

  test('that dies is followed by the next, and nothing that was acknowledged is lost or done twice', async () => {
    await database.query('create table if not exists entry (id text primary key)')
    const sent = await commitOf(database)
    const next = { ...address(), url: standby.url, term: 2, replicas: [] }
    const state = { hasMoved: false, isOver: false }
    const writer = connect({ replicas: [] }, {
      refresh: async () => state.hasMoved && writer.moveTo(next),
    } as DatabaseOptions)
    const acknowledged: string[] = []
    const unknown: string[] = []
    const write = async (name: number): Promise<void> => {
      for (let count = 0; !state.isOver; count++) {
        const id = `${name}-${count}`
        try {
          if (count % 2 === 0) await writer.query('insert into entry values ($1)', [id])
          else await writer.transaction((tx) => tx.query('insert into entry values ($1)', [id]))
          acknowledged.push(id)
        } catch (error) {
          if (!hasCode(error, 'TF_CONNECTION_LOST') && !hasCode(error, 'TF_COMMIT_INDETERMINATE')) throw error
          unknown.push(id)
        }
        await writer.read().query('select count(*) from entry')
      }
    }
    const writers = [0, 1, 2, 3].map(write)
    await until('some writes', () => acknowledged.length > 100)
    // Asynchronous: what the standby has not got would be lost. It gets everything before the primary ends.
    await cluster.stop()
    const before = acknowledged.length
    await standby.promote(2)
    const promotedMs = systemClock.nowMs()
    state.hasMoved = true
    await until('a write on the new primary', () => acknowledged.length > before)
    const gapMs = systemClock.nowMs() - promotedMs
    state.isOver = true
    await Promise.all(writers)
    const { rows } = await writer.query<{ id: string }>('select id from entry')
    const kept = new Set(rows.map(({ id }) => id))
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([])
    expect([...kept].filter((id) => !acknowledged.includes(id) && !unknown.includes(id))).toEqual([])
    expect(gapMs).toBeLessThan(5_000)
    // The new primary knows what the old one had committed, and what it can't have got from it.
    expect(await writer.committed(formatCommitToken(sent))).toBe('committed')
    const lost = { ...sent, lsn: sent.lsn + 1_000_000_000n }
    expect(await writer.committed(formatCommitToken(lost))).toBe('not-committed')
    expect(await writer.committed(formatCommitToken({ ...sent, id: sent.id + 1_000_000n }))).toBe('not-committed')
  })

  test('of before that comes back gets nothing', async () => {
    await cluster.start()
    const moved = connect({ url: standby.url, term: 2, replicas: [] }, { acquireTimeout: '500ms' })
    await moved.query('select bump()')
    moved.moveTo(address({ term: 1 }))
    await moved.query('select bump()')
    const { rows } = await moved.query<{ term: number }>('select max(term)::int as term from tenfold.term')
    expect(rows[0]?.term).toBe(2)
    moved.moveTo(address({ term: 2 }))
    await expect(moved.query('select bump()')).rejects.toMatchObject({ cause: { code: 'TF_NOT_PRIMARY' } })
  })
})
