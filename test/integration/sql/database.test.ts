import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'

interface Tables {
  account: { id: number; cents: number }
}

let bed: TestBed
let cluster: Cluster
let admin: DatabaseConnection
let database: DatabaseConnection<Tables>

beforeAll(async () => {
  bed = await createTestBed()
  cluster = bed.cluster('orders')
  await cluster.start()
  admin = bed.connect(cluster.adminUrl(), { connectionsMax: 1 })
  database = connectDatabase<Tables>({ url: cluster.url(), connectionsMax: 4 })
  await database.query('create table account (id int primary key, cents int not null)')
})

afterAll(async () => {
  await database.end()
  await bed.end()
})

beforeEach(async () => {
  await database.transaction(async (tx) => {
    // Where the tests make COMMIT wait for a standby, this one does not.
    await tx.query('set local synchronous_commit = local; truncate account')
    await tx.query('insert into account values (1, 100), (2, 100)')
  })
})

async function centsOf(id: number): Promise<number | undefined> {
  return (await database.query<{ cents: number }>('select cents from account where id = $1', [id])).rows[0]?.cents
}

describe('a database', () => {
  test('answers queries, with parameters and through Kysely', async () => {
    expect(await centsOf(1)).toBe(100)
    const updated = await database.db.updateTable('account').set({ cents: 5 }).where('id', '=', 1).executeTakeFirst()
    expect(updated.numUpdatedRows).toBe(1n)
    expect(await database.db.selectFrom('account').selectAll().where('id', '=', 1).execute()).toEqual([
      { id: 1, cents: 5 },
    ])
  })

  test('commits what a transaction did by either way, or nothing of it', async () => {
    await database.transaction(async (tx) => {
      await tx.db.updateTable('account').set({ cents: 1 }).where('id', '=', 1).execute()
      await tx.query('update account set cents = 2 where id = 2')
    })
    expect([await centsOf(1), await centsOf(2)]).toEqual([1, 2])
    const failed = database.transaction(async (tx) => {
      await tx.query('update account set cents = 9')
      await tx.query('insert into account values (1, 0)')
    })
    await expect(failed).rejects.toMatchObject({ code: '23505' })
    expect([await centsOf(1), await centsOf(2)]).toEqual([1, 2])
  })

  test('repeats transactions that conflict until each has happened once', async () => {
    const add = (): Promise<void> =>
      database.transaction(
        async (tx) => {
          const { rows } = await tx.query<{ cents: number }>('select cents from account where id = 1')
          await tx.query('update account set cents = $1 where id = 1', [(rows[0]?.cents ?? 0) + 1])
        },
        { isolation: 'serializable', retries: 50 },
      )
    await Promise.all(Array.from({ length: 12 }, add))
    expect(await centsOf(1)).toBe(112)
  })

  test('runs reads together, one after the other, and leaves a connection that nobody notices', async () => {
    const [one, two] = await database.readTogether([
      { text: 'select cents from account where id = $1', values: [1] },
      { text: 'select current_setting($1) as value', values: ['transaction_read_only'] },
    ])
    expect([one!.rows, two!.rows]).toEqual([[{ cents: 100 }], [{ value: 'on' }]])
    const written = database.readTogether([{ text: 'select 1' }, { text: 'delete from account' }, { text: 'select 2' }])
    await expect(written).rejects.toMatchObject({ code: '25006' })
    const slow = database.readTogether([{ text: 'select pg_sleep(20)' }], { statementTimeout: '50ms' })
    await expect(slow).rejects.toMatchObject({ code: '57014' })
    expect(await centsOf(1)).toBe(100)
    await database.query('update account set cents = 1 where id = 1')
    expect(await centsOf(1)).toBe(1)
  })

  test('repeats a transaction that lost a deadlock', async () => {
    const both = Promise.withResolvers<void>()
    let holders = 0
    const move = (first: number, second: number): Promise<void> =>
      database.transaction(async (tx) => {
        await tx.query('update account set cents = cents + 1 where id = $1', [first])
        if (++holders === 2) both.resolve()
        await both.promise
        await tx.query('update account set cents = cents + 1 where id = $1', [second])
      })
    await Promise.all([move(1, 2), move(2, 1)])
    expect([await centsOf(1), await centsOf(2)]).toEqual([102, 102])
  })

  test('refuses a transaction inside a transaction', async () => {
    const nested = database.transaction((tx) => tx.db.transaction().execute(async () => {}))
    await expect(nested).rejects.toMatchObject({ code: 'TF_TRANSACTION_NESTED' })
  })

  test('does not take a transaction with a swallowed error for done, also through Kysely', async () => {
    const swallow = async (run: (text: string) => Promise<unknown>): Promise<void> => {
      await run('select 1/0').catch(() => undefined)
    }
    await expect(database.transaction((tx) => swallow((text) => tx.query(text)))).rejects.toMatchObject({
      code: 'TF_TRANSACTION_ABORTED',
    })
    const { sql } = await import('kysely')
    const throughKysely = database.db.transaction().execute((trx) => swallow(() => sql`select 1/0`.execute(trx)))
    await expect(throughKysely).rejects.toMatchObject({ code: 'TF_TRANSACTION_ABORTED' })
    expect(database.stats().busy).toBe(0)
  })

  test('keeps a savepoint of Kysely inside the transaction', async () => {
    const trx = await database.db.startTransaction().execute()
    const saved = await trx.savepoint('a"b').execute()
    await saved.updateTable('account').set({ cents: 7 }).execute()
    const back = await saved.rollbackToSavepoint('a"b').execute()
    await back.commit().execute()
    expect(await centsOf(1)).toBe(100)
  })
})

describe('a database whose server restarts', () => {
  test('fails no request that waits, before and after', async () => {
    await Promise.all(Array.from({ length: 4 }, () => centsOf(1)))
    expect(database.stats().idle).toBeGreaterThan(0)
    await cluster.stop()
    const waiting = centsOf(1)
    await cluster.start()
    expect(await waiting).toBe(100)
    expect(await centsOf(1)).toBe(100)
  })

  test('fails no transaction that was cut off before its COMMIT', async () => {
    let runs = 0
    await database.transaction(async (tx) => {
      await tx.query('update account set cents = cents + 1 where id = 1')
      if (runs++ > 0) return
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await admin.query('select pg_terminate_backend($1)', [rows[0]?.pid])
      await tx.query('select 1')
    })
    expect(runs).toBe(2)
    expect(await centsOf(1)).toBe(101)
  })

  test('survives the end of every session while they are idle', async () => {
    await Promise.all(Array.from({ length: 4 }, () => centsOf(1)))
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'orders'`)
    expect(await centsOf(1)).toBe(100)
    const viaKysely = await database.db.selectFrom('account').select('id').orderBy('id').execute()
    expect(viaKysely).toEqual([{ id: 1 }, { id: 2 }])
  })
})

describe('reads that share connections', () => {
  test('are not held up by one that waits, which gets its answer all the same', async () => {
    await database.query('create table if not exists locked as select 42 as answer')
    const held = Promise.withResolvers<void>()
    const isLocked = Promise.withResolvers<void>()
    const holding = database.transaction(async (tx) => {
      await tx.query('lock table locked')
      isLocked.resolve()
      await held.promise
    })
    await isLocked.promise
    const waiting = database.query<{ answer: number }>('select answer from locked')
    // Only the one statement is over the limit, however many stand behind it.
    for (let count = 0; count < 20; count++) await Promise.all(Array.from({ length: 10 }, () => centsOf(1)))
    held.resolve()
    await holding
    expect((await waiting).rows).toEqual([{ answer: 42 }])
  })

  test('fail for themselves, also by a text of several statements', async () => {
    const outcomes = await Promise.allSettled([
      centsOf(1),
      database.query('select nothing'),
      centsOf(2),
      database.query('select 1/$1::int', [0]),
      centsOf(1),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    await expect(database.query(`select 1 where 'a' = ';'; delete from account`)).resolves.toBeDefined()
    expect(await centsOf(1)).toBeUndefined()
  })

  test('that turn out to write do it once', async () => {
    await database.query(`create or replace function bump() returns int language sql as
      'update account set cents = cents + 1 where id = 1 returning cents'`)
    const { rows } = await database.query<{ cents: number }>('select bump() as cents')
    expect(rows).toEqual([{ cents: 101 }])
    expect(await centsOf(1)).toBe(101)
  })

  test('are right after a change of the schema, though the server had planned them before', async () => {
    const READ = 'select * from changing'
    const readOften = async (): Promise<unknown[]> => {
      const all = await Promise.all(Array.from({ length: 24 }, () => database.query(READ)))
      return [...new Set(all.map(({ rows }) => JSON.stringify(rows)))]
    }
    await database.query('create table changing as select 1 as a')
    for (let round = 0; round < 3; round++) expect(await readOften()).toEqual(['[{"a":1}]'])
    await database.query('alter table changing add column b int default 2')
    expect(await readOften()).toEqual(['[{"a":1,"b":2}]'])
    await database.query('drop table changing')
    await expect(readOften()).rejects.toMatchObject({ code: '42P01' })
    await database.query(`create table changing as select 'text' as a`)
    expect(await readOften()).toEqual(['[{"a":"text"}]'])
    const { rows } = await database.query<{ prepared: number }>(
      'select count(*)::int as prepared from pg_prepared_statements',
    )
    expect(rows[0]!.prepared).toBeGreaterThan(0)
  })

  test('survive the end of their connection in the middle', async () => {
    const reading = Promise.all(
      Array.from({ length: 50 }, () => database.query(`select count(*) from generate_series(1, 2000)`)),
    )
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'orders'`)
    expect(await reading).toHaveLength(50)
  })

  test('through Kysely with connection() stay on one connection', async () => {
    const { sql } = await import('kysely')
    const pids = await database.db.connection().execute(async (db) => {
      const pid = async (): Promise<unknown> => (await sql`select pg_backend_pid() as pid`.execute(db)).rows[0]
      return [await pid(), await pid()]
    })
    expect(pids[0]).toEqual(pids[1])
  })
})

describe('a session', () => {
  test('that was changed by SET is as new for the next borrower', async () => {
    const single = bed.connect(cluster.url(), { connectionsMax: 1 })
    const show = async (): Promise<unknown> => (await single.query('show search_path')).rows[0]
    const original = await show()
    await single.query('set search_path = nowhere')
    expect(await show()).toEqual(original)
    await single.query(`select set_config('search_path', 'nowhere', false)`)
    expect(await show()).toEqual(original)
    await single.transaction((tx) => tx.query('set search_path = nowhere'))
    expect(await show()).toEqual(original)
    await single.db.connection().execute(async (db) => {
      const { sql } = await import('kysely')
      await sql`set search_path = nowhere`.execute(db)
    })
    expect(await show()).toEqual(original)
  })

  test('ends a statement of a transaction that takes longer than asked for, and no other', async () => {
    const slow = database.transaction((tx) => tx.query('select pg_sleep(5)'), { statementTimeout: '50ms' })
    await expect(slow).rejects.toMatchObject({ code: '57014' })
    await database.transaction((tx) => tx.query('select pg_sleep(0.1)'))
  })
})

describe('a COMMIT that waits for a standby which does not come', () => {
  beforeAll(async () => {
    await admin.query(`alter system set synchronous_standby_names = 'nobody'`)
    await admin.query('select pg_reload_conf()')
    const probe = bed.connect(cluster.adminUrl())
    await until('the setting to hold', async () => {
      const { rows } = await probe.query<{ names: string }>('show synchronous_standby_names')
      return JSON.stringify(rows).includes('nobody')
    })
    await probe.end()
  })

  afterAll(async () => {
    await admin.query('alter system reset synchronous_standby_names')
    await admin.query('select pg_reload_conf()')
    await cluster.stop()
    await cluster.start()
  })

  /** Does something to the session that hangs in its COMMIT. */
  async function disturb(how: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<void> {
    await until('a session to wait for the standby', async () => {
      const { rows } = await admin.query<{ done: boolean }>(
        `select ${how}(pid) as done from pg_stat_activity where wait_event = 'SyncRep' and usename = 'orders'`,
      )
      return rows.length > 0
    })
  }

  test.each(['pg_cancel_backend', 'pg_terminate_backend'] as const)(
    'is of unknown outcome after %s, and happened once',
    async (how) => {
      let runs = 0
      const outcome = database
        .transaction(async (tx) => {
          runs++
          await tx.query('update account set cents = cents + 1 where id = 1')
        })
        .catch((error: unknown) => error)
      await disturb(how)
      const error = (await outcome) as Error
      expect(error).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
      expect(runs).toBe(1)
      // Here it has committed; what nobody knows is whether it would survive this node.
      expect(await database.committed(error)).toBe('committed')
    },
  )

  test('is of unknown outcome through Kysely and for a single statement, too', async () => {
    const update = database.db
      .updateTable('account')
      .set({ cents: 3 })
      .execute()
      .catch((error: unknown) => error)
    await disturb('pg_cancel_backend')
    expect(await update).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
    const transaction = database.db
      .transaction()
      .execute((trx) => trx.updateTable('account').set({ cents: 4 }).execute())
      .catch((error: unknown) => error)
    await disturb('pg_cancel_backend')
    const error = (await transaction) as Error
    expect(error).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
    expect(await database.committed(error)).toBe('committed')
    expect(database.stats().busy).toBe(0)
  })

  test('is not sent again as a single statement, though the server says that it ends the session', async () => {
    const cents = (await centsOf(1)) ?? 0
    const update = database.query('update account set cents = cents + 1 where id = 1').catch((error: unknown) => error)
    await disturb('pg_terminate_backend')
    expect(await update).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
    expect(await centsOf(1)).toBe(cents + 1)
  })

  test('is not ended by the time-out of statements', async () => {
    const hurried = bed.connect(cluster.url(), { statementTimeout: '150ms' })
    const outcomes = Promise.all([
      hurried.transaction((tx) => tx.query('update account set cents = 8 where id = 1')),
      hurried.transaction((tx) => tx.query('update account set cents = 9 where id = 2'), { statementTimeout: '100ms' }),
    ])
    await until('both to wait for the standby', async () => {
      const { rows } = await admin.query(`select from pg_stat_activity where wait_event = 'SyncRep'`)
      return rows.length === 2
    })
    await sleep(systemClock, 400)
    await admin.query('alter system reset synchronous_standby_names')
    await admin.query('select pg_reload_conf()')
    await outcomes
    expect([await centsOf(1), await centsOf(2)]).toEqual([8, 9])
  })
})
