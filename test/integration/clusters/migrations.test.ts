import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { createExternalServer } from '../../../src/clusters/external-server.ts'
import { migrate } from '../../../src/clusters/migrations.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed } from './test-bed.ts'

let bed: TestBed
let cluster: Cluster
let connection: DatabaseConnection
let directory: string

beforeAll(async () => {
  bed = await createTestBed()
  cluster = bed.cluster('orders')
  await cluster.start()
  connection = bed.connect(cluster.url(), { connectionsMax: 4 })
})

afterAll(() => bed.end())

beforeEach(async () => {
  await connection.query('drop schema if exists tenfold cascade; drop schema public cascade; create schema public')
  directory = join(bed.directory, 'base')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory)
})

function write(file: string, sql: string): Promise<void> {
  return writeFile(join(directory, file), sql)
}

async function tables(): Promise<readonly string[]> {
  const { rows } = await connection.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  )
  return rows.map(({ name }) => name)
}

describe('migrations', () => {
  test('are applied in order, once, directory by directory', async () => {
    await write('002_b.sql', 'insert into a values (2);')
    await write('001_a.sql', 'create table a (x int primary key); insert into a values (1);')
    await write('notes.txt', 'not sql')
    const more = join(bed.directory, 'more')
    await mkdir(more, { recursive: true })
    await writeFile(join(more, '001_a.sql'), 'insert into a values (3);')
    const progress: string[] = []
    const onProgress = (step: { file: string; number: number; total: number }): void =>
      void progress.push(`${step.number}/${step.total} ${step.file.replace(bed.directory, '')}`)
    expect(await migrate(connection, [directory, more], { onProgress })).toBe(3)
    expect(progress).toEqual(['1/3 /base/001_a.sql', '2/3 /base/002_b.sql', '3/3 /more/001_a.sql'])
    expect(await migrate(connection, [directory, more])).toBe(0)
    expect((await connection.query('select x from a order by 1')).rows).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }])
  })

  test('that wait for a lock let go of theirs, so that others get by, and are tried again', async () => {
    await connection.query('create table busy (x int)')
    await write('001_a.sql', 'alter table busy add column y int;')
    const held = Promise.withResolvers<void>()
    const taken = Promise.withResolvers<void>()
    const holder = connection.transaction(async (tx) => {
      await tx.query('select from busy')
      taken.resolve()
      await held.promise
    })
    await taken.promise
    const attempts: string[] = []
    const clock = virtualClock()
    const applied = migrate(connection, [directory], {
      lockTimeout: '50ms',
      clock,
      onProgress: ({ file }) => void attempts.push(file),
    })
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    // Between two tries nobody waits.
    await connection.query('insert into busy values (1)')
    held.resolve()
    await holder
    await clock.advance('1s')
    expect(await applied).toBe(1)
    expect(attempts).toHaveLength(2)
  })

  test('that find a table locked for good say so, and keep nothing', async () => {
    await connection.query('create table busy (x int)')
    await write('001_a.sql', 'create table other (x int);\nalter table busy add column y int;')
    const held = Promise.withResolvers<void>()
    const clock = virtualClock()
    const holder = connection.transaction(async (tx) => {
      await tx.query('select from busy')
      const applied = migrate(connection, [directory], { lockTimeout: '20ms', clock })
      const failure = expect(applied).rejects.toMatchObject({
        code: 'TF_MIGRATION_LOCKED',
        message: expect.stringContaining('in line 2: canceling statement due to lock timeout'),
      })
      for (let pause = 1; pause < 6; pause++) {
        await vi.waitFor(() => expect(clock.pending).toBe(1))
        await clock.advance('1s')
      }
      await failure
      held.resolve()
    })
    await held.promise
    await holder
    expect(await tables()).toEqual(['busy'])
  })

  test('that fail leave nothing of their file, and name file, line and reason', async () => {
    await write('001.sql', 'create table kept (x int);')
    await write('002.sql', 'create table half (x int);\n\ninsert into half\n  values (1 / 0);')
    await expect(migrate(connection, [directory])).rejects.toMatchObject({
      code: 'TF_MIGRATION_FAILED',
      message: `expected ${directory}/002.sql to apply, but in line 3: division by zero`,
      details: { sqlState: '22012' },
    })
    expect(await tables()).toEqual(['kept'])
    await write('002.sql', 'create table half (x int);')
    expect(await migrate(connection, [directory])).toBe(1)
  })

  test('that do not parse are reported with the line the server means', async () => {
    await write('001.sql', '-- a comment\nselect 1;\ncreate table t (\n  x int,\n  y wrong_type\n);')
    await expect(migrate(connection, [directory])).rejects.toMatchObject({
      message: `expected ${directory}/001.sql to apply, but in line 5: type "wrong_type" does not exist`,
    })
  })

  test('that end their transaction themselves are refused before anything happens', async () => {
    await write('001.sql', 'create table t (x int);\ncommit;')
    await expect(migrate(connection, [directory])).rejects.toMatchObject({
      code: 'TF_MIGRATION_INVALID',
      details: { line: 2 },
    })
    expect(await tables()).toEqual([])
  })

  test('are refused when an applied one was changed, is gone, or would come later', async () => {
    await write('001.sql', 'select 1')
    await write('003.sql', 'select 3')
    await migrate(connection, [directory])
    await write('001.sql', 'select 2')
    await expect(migrate(connection, [directory])).rejects.toMatchObject({ code: 'TF_MIGRATION_CHANGED' })
    await write('001.sql', 'select 1')
    await rename(join(directory, '001.sql'), join(directory, '0.txt'))
    await expect(migrate(connection, [directory])).rejects.toMatchObject({ code: 'TF_MIGRATION_MISSING' })
    await rename(join(directory, '0.txt'), join(directory, '001.sql'))
    await write('002.sql', 'select 2')
    await expect(migrate(connection, [directory])).rejects.toMatchObject({ code: 'TF_MIGRATION_ORDER' })
  })

  test('of several runners at once happen once', async () => {
    await write('001.sql', 'create table once (x int); select pg_sleep(0.05);')
    await write('002.sql', 'insert into once values (1);')
    const applied = await Promise.all(
      Array.from({ length: 3 }, () => migrate(bed.connect(cluster.url(), { connectionsMax: 1 }), [directory])),
    )
    expect(applied.reduce((sum, count) => sum + count, 0)).toBe(2)
    expect((await connection.query('select * from once')).rows).toHaveLength(1)
  })

  test('end before the next file when they are cancelled', async () => {
    await write('001.sql', 'create table first (x int);')
    await write('002.sql', 'create table second (x int);')
    const abort = new AbortController()
    const cancelled = migrate(connection, [directory], { signal: abort.signal, onProgress: () => abort.abort() })
    await expect(cancelled).rejects.toMatchObject({ code: 'TF_ABORTED' })
    expect(await tables()).toEqual(['first'])
  })

  test('need directories that exist and differ in name', async () => {
    await expect(migrate(connection, [join(bed.directory, 'nowhere')])).rejects.toMatchObject({
      code: 'TF_MIGRATION_INVALID',
    })
    await expect(migrate(connection, [directory, directory])).rejects.toMatchObject({ code: 'TF_MIGRATION_INVALID' })
  })
})

describe('a server that already runs', () => {
  test('is looked at, and left alone', async () => {
    const server = createExternalServer({ name: 'orders', url: cluster.url() })
    await server.start()
    expect(server.state).toEqual({ kind: 'ready' })
    expect(server.version).toMatch(/^18\./)
    expect(server.url()).toBe(cluster.url())
    await server.stop()
    expect((await connection.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('that does not answer is reported', async () => {
    const server = createExternalServer({ name: 'orders', url: 'postgres://me@127.0.0.1:1/orders' })
    await expect(server.start()).rejects.toMatchObject({ code: 'TF_DATABASE_UNREACHABLE' })
    expect(server.state.kind).toBe('failed')
  })
})
