import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
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
      expect(await outcome).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
      expect(runs).toBe(1)
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
    expect(await transaction).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
    expect(database.stats().busy).toBe(0)
  })
})
