import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { migrate } from '../../../src/clusters/migrations.ts'
import { prepareForServices } from '../../../src/clusters/service-roles.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed, until } from './test-bed.ts'

const REFUSED = { code: '42501' }

let bed: TestBed
let cluster: Cluster

beforeAll(async () => {
  bed = await createTestBed()
  cluster = bed.cluster('shop')
  await cluster.start()
  await migrateWith('001.sql', MIGRATION)
  await cluster.admit({ api: { connectionsMax: 20 }, 'price-list': { connectionsMax: 5 } })
})

afterAll(() => bed.end())

const MIGRATION = `
  create table item (id bigint generated always as identity primary key, name text not null);
  create table counted (id serial primary key, name text not null);
  create view items as select name from item;
  create schema stock;
  create table stock.shelf (id integer primary key);
  create function double(n integer) returns integer language sql as 'select 2 * n';
  create table audit (text text);
  revoke update, delete on audit from "tenfold.services";`

async function migrateWith(file: string, text: string): Promise<void> {
  const directory = join(bed.directory, 'migrations')
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, file), text)
  const connection = bed.connect(cluster.url(), { connectionsMax: 1 })
  await migrate(connection, [directory])
  await connection.end()
}

async function as<Result>(service: string, work: (connection: DatabaseConnection) => Promise<Result>): Promise<Result> {
  const connection = bed.connect(cluster.serviceUrl(service), { connectionsMax: 1 })
  try {
    return await work(connection)
  } finally {
    await connection.end()
  }
}

describe('the role of a service', () => {
  test.each([
    `insert into item (name) values ('soup')`,
    `insert into counted (name) values ('soup') returning id`,
    `update item set name = 'broth'`,
    `select * from items`,
    `delete from item where id < 0`,
    `insert into stock.shelf values (1) on conflict do nothing`,
    `select double(21)`,
    `select nextval('counted_id_seq'), currval('counted_id_seq')`,
    `insert into audit values ('seen')`,
    `select pg_advisory_xact_lock(1)`,
    `select id from item for update`,
    `listen changed`,
  ])('can: %s', async (statement) => {
    await as('api', (connection) => connection.query(statement))
  })

  test.each([
    'create table mine (id integer)',
    'create temporary table mine (id integer)',
    'create schema mine',
    'create view mine as select 1',
    `create function mine() returns integer language sql as 'select 1'`,
    'create extension pg_trgm',
    'drop table item',
    'alter table item add column price integer',
    'create index on item (name)',
    'truncate item',
    `comment on table item is 'mine'`,
    'drop schema stock cascade',
    `select setval('counted_id_seq', 1)`,
    'select * from tenfold.migration',
    'delete from tenfold.migration',
    'create table tenfold.mine (id integer)',
    `update audit set text = ''`,
    'delete from audit',
    'select rolpassword from pg_authid',
    `select pg_read_file('PG_VERSION')`,
    `copy (select 1) to program 'true'`,
    `create role mine login`,
    `alter role "service.price-list" password 'mine'`,
    'set role shop',
    'set role "service.price-list"',
    'set role postgres',
    'alter database shop set work_mem to 1',
    'create database mine',
    `alter system set fsync = off`,
  ])('can not: %s', async (statement) => {
    await expect(as('api', (connection) => connection.query(statement))).rejects.toMatchObject(REFUSED)
  })

  test('reaches no other database of its server, nor one of another service with its password', async () => {
    for (const database of ['postgres', 'template1']) {
      const url = cluster.serviceUrl('api').replace(/\/shop$/, `/${database}`)
      await expect(bed.connect(url).query('select 1')).rejects.toMatchObject({
        cause: expect.objectContaining(REFUSED),
      })
    }
    const swapped = new URL(cluster.serviceUrl('price-list'))
    swapped.password = new URL(cluster.serviceUrl('api')).password
    await expect(bed.connect(swapped.href).query('select 1')).rejects.toMatchObject({
      code: 'TF_DATABASE_UNREACHABLE',
    })
    const other = bed.cluster('other')
    await other.start()
    await other.admit({ api: { connectionsMax: 1 } })
    const elsewhere = other.serviceUrl('api').replace(/:\d+\/.*/, cluster.serviceUrl('api').match(/:\d+\/.*/)![0])
    await expect(bed.connect(elsewhere).query('select 1')).rejects.toMatchObject({ code: 'TF_DATABASE_UNREACHABLE' })
    await other.stop()
  })

  test('can use what a later migration makes, whatever it was given before', async () => {
    await migrateWith(
      '002.sql',
      `create schema later; create table later.thing (id serial primary key); create table plain (id integer);`,
    )
    await as('api', async (connection) => {
      await connection.query('insert into later.thing default values')
      await connection.query('insert into plain values (1)')
    })
    await cluster.admit({ api: { connectionsMax: 20 }, 'price-list': { connectionsMax: 5 } })
    await expect(as('api', (connection) => connection.query('delete from audit'))).rejects.toMatchObject(REFUSED)
  })

  test('holds no more connections than it may', async () => {
    await cluster.admit({ api: { connectionsMax: 20 }, 'price-list': { connectionsMax: 1 } })
    await as('price-list', async (held) => {
      await held.query('select 1')
      await expect(as('price-list', (more) => more.query('select 1'))).rejects.toMatchObject({
        cause: expect.objectContaining({ code: '53300' }),
      })
    })
  })

  test('ends with the service, sessions included, and a later one has another password', async () => {
    await cluster.admit({ api: { connectionsMax: 20 }, 'price-list': { connectionsMax: 5 } })
    const former = cluster.serviceUrl('price-list')
    const open = bed.connect(former, { connectionsMax: 1 })
    await open.query('select 1')
    await cluster.admit({ api: { connectionsMax: 20 } })
    expect(() => cluster.serviceUrl('price-list')).toThrow(expect.objectContaining({ code: 'TF_NOT_RUNNING' }))
    const admin = bed.connect(cluster.adminUrl())
    await until('the session to end', async () => {
      const { rows } = await admin.query(`select from pg_stat_activity where usename = 'service.price-list'`)
      return rows.length === 0
    })
    await expect(bed.connect(former).query('select 1')).rejects.toMatchObject({ code: 'TF_DATABASE_UNREACHABLE' })
    await cluster.admit({ api: { connectionsMax: 20 }, 'price-list': { connectionsMax: 5 } })
    expect(cluster.serviceUrl('price-list')).not.toBe(former)
    await as('price-list', (connection) => connection.query('select * from item'))
  })

  test('keeps its password over a restart, in one file that only we can read', async () => {
    const before = cluster.serviceUrl('api')
    const { password } = new URL(before)
    await cluster.stop()
    await cluster.start()
    await cluster.admit({ api: { connectionsMax: 20 } })
    expect(new URL(cluster.serviceUrl('api')).password).toBe(password)
    await as('api', (connection) => connection.query('select * from item'))
    const record = join(bed.directory, 'shop', 'cluster.json')
    expect((await stat(record)).mode & 0o777).toBe(0o600)
    expect(await readFile(record, 'utf8')).toContain(password)
    expect(await readFile(join(bed.directory, 'shop.log'), 'utf8')).not.toContain(password)
  })

  test('is set right when it was changed behind our back', async () => {
    const admin = bed.connect(cluster.adminUrl())
    await admin.query(`alter role "service.api" nologin password 'else' connection limit 3`)
    await cluster.admit({ api: { connectionsMax: 20 } })
    await as('api', (connection) => connection.query('select * from item'))
    const { rows } = await admin.query(`select rolconnlimit as "limit" from pg_roles where rolname = 'service.api'`)
    expect(rows).toEqual([{ limit: 20 }])
  })

  test('finds the tables of a database that is older than roles of services', async () => {
    const admin = bed.connect(cluster.adminUrl())
    await admin.query('create role old login')
    await admin.query('create database old owner old')
    const url = cluster.adminUrl().replace('/shop?', '/old?')
    const old = bed.connect(url)
    await old.query(
      'set role old; create table bygone (id serial); create schema tenfold; create table tenfold.t (); reset role',
    )
    await prepareForServices(url, 'old')
    await prepareForServices(url, 'old')
    const service = bed.connect(cluster.serviceUrl('api').replace(/\/shop$/, '/old'), { connectionsMax: 1 })
    await service.query('insert into bygone default values')
    await expect(service.query('select * from tenfold.t')).rejects.toMatchObject(REFUSED)
  })
})

describe('the owner of a database', () => {
  test('makes and changes tables, as migrations do, and is no superuser', async () => {
    const owner = bed.connect(cluster.url())
    await owner.query('create table own (id integer); alter table own add column name text; drop table own')
    await expect(owner.query('create role mine')).rejects.toMatchObject(REFUSED)
  })
})
