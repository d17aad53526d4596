import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { Database } from '../../src/blueprint/database.ts'
import { blueprint, shop, WEB } from './shop.ts'
import type { Stage } from './stage.ts'
import { eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 2 * TEST_TIMEOUT_MS })

/** A shop whose database is archived every second or two. */
async function shopWithBackups(more: Partial<Database> = {}): Promise<Stage> {
  const on = stage({
    ...shop(),
    ...blueprint({
      databases: { orders: { migrations: './migrations', backup: { to: './backups', walEvery: '2s' }, ...more } },
      services: { web: { ...WEB, databases: ['orders'] } },
    }),
    'migrations/001.sql': 'create table entry (id int primary key)',
  })
  await up(on)
  return on
}

async function up(on: Stage): Promise<void> {
  expect(await on.end(['up', '--detach', '--port', '0'])).toMatchObject({ code: 0 })
}

async function sql(on: Stage, text: string): Promise<string> {
  const { code, out, err } = await on.end(['sql', 'orders', '--json', '-c', text])
  expect({ code, err }).toMatchObject({ code: 0 })
  return out
}

async function rows(on: Stage): Promise<number> {
  return Number(/"count":"?(\d+)/.exec(await sql(on, 'select count(*) as count from entry'))?.[1])
}

async function firstBackup(on: Stage): Promise<void> {
  await eventually('the first backup', async () => {
    return (await snapshotOf(on))!.databases['orders']!.backup?.last !== undefined
  })
}

test('a running system goes back to a point, says where the former data is, and a new machine gets the rest from the repository', async () => {
  const on = await shopWithBackups()
  await firstBackup(on)
  await sql(on, 'insert into entry values (1)')
  expect(await on.end(['backup', 'mark', 'orders', 'before-menu'])).toMatchObject({ code: 0 })
  await sql(on, 'insert into entry values (2), (3)')
  const restored = await on.end(['restore', 'orders', '--to', 'before-menu'])
  expect(restored).toMatchObject({ code: 0, out: expect.stringContaining('former data') })
  expect(await rows(on)).toBe(1)

  // What is written after it follows on: down, everything but the repository lost, and up again.
  await sql(on, 'insert into entry values (4)')
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  const data = join(on.state(), 'data/orders')
  expect(readdirSync(data).some((name) => name.startsWith('data.before-'))).toBe(true)
  rmSync(data, { recursive: true })
  const cold = await on.end(['restore', 'orders', '--to', 'latest', '--json'])
  expect(cold).toMatchObject({ code: 0 })
  expect(JSON.parse(cold.out)).toMatchObject({ database: 'orders', isEndOfLog: true, former: [] })
  await up(on)
  expect(await rows(on)).toBe(2)
})

test('a database with a standby and a replica goes back under a term of its own, and both are made again from it', async () => {
  const on = await shopWithBackups({ standby: 'synchronous', replicas: 1 })
  const protectedTerm = async (): Promise<number | undefined> => {
    const { nodes = [], term, state } = (await snapshotOf(on))!.databases['orders']!
    const isWhole = nodes.length === 3 && nodes.every((node) => node.state === 'ready')
    return state === 'ready' && isWhole ? (term ?? 1) : undefined
  }
  await eventually('a standby and a replica', async () => (await protectedTerm()) !== undefined)
  await firstBackup(on)
  await sql(on, 'insert into entry values (1)')
  expect(await on.end(['backup', 'mark', 'orders', 'before-menu'])).toMatchObject({ code: 0 })
  await sql(on, 'insert into entry values (2), (3)')
  const before = (await protectedTerm())!
  const { code, out } = await on.end(['restore', 'orders', '--to', 'before-menu', '--json'])
  expect(code).toBe(0)
  const { former } = JSON.parse(out) as { former: readonly string[] }
  expect(former.map((path) => basename(path).replace(/\.before-.*/, '')).toSorted()).toEqual([
    'data',
    'data-2',
    'data-3',
  ])
  await eventually('a standby and a replica of what was restored', async () => (await protectedTerm()) === before + 1)
  expect(await rows(on)).toBe(1)
  // The standby has what was restored, and what was written since: it takes over with it.
  await sql(on, 'insert into entry values (4)')
  expect(await on.end(['drill', 'switchover', '--database', 'orders'])).toMatchObject({ code: 0 })
  expect(await rows(on)).toBe(2)
})

test('kill -9 of the control plane in the middle of a backup loses nothing, and leaves no half backup', async () => {
  const on = await shopWithBackups()
  await firstBackup(on)
  await sql(on, 'insert into entry select generate_series(1, 1000)')
  const taking = on.tenfold(['backup', 'orders'])
  await new Promise((resolve) => setTimeout(resolve, 300))
  process.kill((await snapshotOf(on))!.pid, 'SIGKILL')
  expect((await taking.ended).code).not.toBe(0)
  await up(on)
  await sql(on, 'insert into entry values (1001)')
  expect(await on.end(['backup', 'orders'])).toMatchObject({ code: 0 })
  const verified = await on.end(['backup', 'verify', 'orders', '--json'])
  expect(verified).toMatchObject({ code: 0 })
  const listed = JSON.parse((await on.end(['backup', 'list', '--json'])).out) as { backups: object[]; damaged: [] }[]
  expect(listed[0]).toMatchObject({ damaged: [], backups: expect.arrayContaining([expect.anything()]) })
  expect(await on.end(['restore', 'orders', '--to', 'latest'])).toMatchObject({ code: 0 })
  expect(await rows(on)).toBe(1001)
})

test('mistakes are refused before anything happens', async () => {
  const on = stage({ ...shop(), ...blueprint({ databases: { orders: {} }, services: { web: WEB } }) })
  for (const [args, says] of [
    [['restore', 'orders'], 'expected --to TARGET'],
    [['restore', 'orders', '--to', '2026-11-22T23:19:00'], 'a time with its zone'],
    [['restore', 'ordres', '--to', 'latest'], 'did you mean orders?'],
    [['restore', 'orders', '--to', 'latest'], 'expected the blueprint to have backups of orders'],
    [['backup', 'verfy'], 'did you mean verify?'],
    [['backup', 'mark', 'orders'], 'expected backup mark DATABASE NAME'],
    [['backup', 'pull', '--from', 'x'], 'got no --to'],
    [['backup'], 'expected a database with backups in the blueprint'],
  ] as const) {
    expect(await on.end([...args])).toMatchObject({ code: 2, err: expect.stringContaining(says) })
  }
})
