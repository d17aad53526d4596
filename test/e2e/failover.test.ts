import { expect, test, vi } from 'vitest'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import { shopWithDatabase } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 2 * TEST_TIMEOUT_MS })

const UP = ['up', '--port', '0', '--detach', '--json']
const DATABASES = {
  orders: { migrations: './migrations', seed: './seed.js', standby: 'synchronous', zones: ['a', 'b'] },
}

interface Shard {
  readonly url: string
  readonly term: number
  readonly replicas: readonly { readonly url: string }[]
}

async function shardOf(url: string): Promise<Shard> {
  const { databases } = await ask<{ databases: { orders: { shards: [Shard] } } }>(url, '/bindings')
  return databases.orders.shards[0]
}

async function databaseOf(on: Stage): Promise<SystemSnapshot['databases'][string] | undefined> {
  return (await snapshotOf(on))?.databases['orders']
}

async function isProtected(on: Stage): Promise<boolean> {
  const database = await databaseOf(on)
  const isStandby = database?.nodes.some(({ role, state }) => role === 'standby' && state === 'ready')
  return isStandby === true && database?.alarm === undefined && database?.state === 'ready'
}

test('a standby takes over when the primary is killed, services are told, and a later control plane goes on from there', async () => {
  const on = stage(shopWithDatabase({ databases: DATABASES }))
  const { code, out } = await on.end(UP)
  expect(code).toBe(0)
  const { gateway, pid } = JSON.parse(out) as SystemSnapshot
  const url = gateway.url!
  await eventually('a standby', () => isProtected(on))
  const before = await shardOf(url)
  expect(before).toMatchObject({ term: 1, replicas: [{ url: expect.any(String) }] })
  expect((await on.end(['status'])).out).toMatch(/primary orders-1 in a, standby orders-2 in b/)

  const primary = (await databaseOf(on))?.nodes.find(({ role }) => role === 'primary')
  process.kill(primary!.pid!, 'SIGKILL')
  await eventually('services to be told', async () => (await shardOf(url)).term === 2)
  await eventually('a standby again', () => isProtected(on))
  const after = await shardOf(url)
  expect(after.url).not.toBe(before.url)
  const connection = connectDatabase({ url: after.url, connectionsMax: 1 })
  await connection.query(`insert into orders values (3, 'tea')`)

  // Nobody decides anything now, and nobody needs to.
  process.kill(pid, 'SIGKILL')
  await eventually('the control plane to be gone', async () => (await snapshotOf(on)) === undefined)
  await connection.query(`insert into orders values (4, 'salt')`)
  const pids = await connection.query<{ pid: number }>('select pg_backend_pid() as pid')
  expect((await on.end(UP)).code).toBe(0)
  await eventually('a standby, adopted', () => isProtected(on))
  expect((await connection.query<{ pid: number }>('select pg_backend_pid() as pid')).rows).toEqual(pids.rows)
  expect((await connection.query('select name from orders order by id')).rows).toHaveLength(4)
  await connection.end()
  expect(await databaseOf(on)).toMatchObject({ term: 2 })
  expect((await on.end(['down'])).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})
