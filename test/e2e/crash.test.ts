import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import { shop, shopWithDatabase } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const DETACHED = ['up', '--port', '0', '--detach', '--json']

/** Starts in the background; the snapshot says where. */
async function started(on: Stage, ...more: readonly string[]): Promise<SystemSnapshot & { url: string }> {
  const { code, out, err } = await on.end([...DETACHED, ...more])
  if (code !== 0) throw new Error(`expected it to start, got ${err}`)
  const snapshot = JSON.parse(out) as SystemSnapshot
  return { ...snapshot, url: snapshot.gateway.url! }
}

async function names(url: string): Promise<readonly unknown[]> {
  const bindings = await ask<{ databases: { orders: { shards: [{ url: string }] } } }>(url, '/bindings')
  const connection = connectDatabase({ url: bindings.databases.orders.shards[0].url, connectionsMax: 1 })
  try {
    await connection.query(`insert into orders values (3, 'tea') on conflict do nothing`)
    return (await connection.query<{ name: string }>('select name from orders order by id')).rows.map(
      ({ name }) => name,
    )
  } finally {
    await connection.end()
  }
}

test('down ends what a killed control plane has left', async () => {
  const on = stage(shopWithDatabase())
  const { pid } = await started(on)
  process.kill(pid, 'SIGKILL')
  await eventually('the control plane to be gone', async () => (await snapshotOf(on)) === undefined)
  expect(on.leftovers().length).toBeGreaterThan(3)
  expect(await on.end(['down'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/shop: \d+ processes left by a crash are stopped/),
  })
  expect(on.leftovers()).toEqual([])
})

test('with --ephemeral everything goes when the control plane is killed', async () => {
  const on = stage(shopWithDatabase())
  const { pid } = await started(on, '--ephemeral')
  process.kill(pid, 'SIGKILL')
  await eventually('nothing to run', () => on.leftovers().length === 0)
})

test('an instance, the gateway and PostgreSQL come back after kill -9, and the status says what happened', async () => {
  const on = stage(shopWithDatabase())
  const { url } = await started(on)
  const { pid: instance } = await ask<{ pid: number }>(url)
  process.kill(instance, 'SIGKILL')
  await eventually('the instance to come back', async () => {
    const status = (await snapshotOf(on))!
    const restarts = status.services['web']!.instances.map((each) => each.restarts)
    return Math.max(...restarts) === 1 && status.phase === 'running'
  })

  const { gateway, databases } = (await snapshotOf(on))!
  process.kill(gateway.pid!, 'SIGKILL')
  await eventually('the gateway to come back', async () => {
    const status = (await snapshotOf(on))!
    return status.gateway.pid !== gateway.pid && status.phase === 'running'
  })
  expect(await ask(url)).toMatchObject({ pid: expect.any(Number) })
  expect((await on.end(['status'])).out).toMatch(/the gateway ended with signal SIGKILL and is started again/)

  const [node] = databases['orders']!.nodes
  process.kill(node!.pid!, 'SIGKILL')
  await eventually('PostgreSQL to come back', async () => {
    const status = (await snapshotOf(on))!
    return status.databases['orders']!.nodes[0]?.pid !== node!.pid && status.phase === 'running'
  })
  expect(await names(url)).toEqual(['bread', 'milk', 'tea'])
  expect((await on.end(['down'])).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})

test('a command line that is killed while it starts in the background leaves what it started in the record', async () => {
  const on = stage(shop())
  const up = on.tenfold(['up', '--port', '0'])
  await up.says(/gateway: running/)
  up.signal('SIGKILL')
  await up.ended
  const record = JSON.parse(readFileSync(join(on.state(), 'processes.json'), 'utf8')) as { children: unknown[] }
  expect(record.children.length).toBeGreaterThan(0)
  expect((await on.end(['down'])).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})
