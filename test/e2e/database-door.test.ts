import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { connectControl } from '../../src/control/control-client.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { shopWithDatabase, WEB } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, CHECKOUT, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 2 * TEST_TIMEOUT_MS })

/** A program that knows nothing of Tenfold: one URL from its environment, a pool of the usual driver, and no bind(). */
const PROGRAM = `
import { createServer } from 'node:http'
import pg from 'pg'
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4, connectionTimeoutMillis: 8_000 })
pool.on('error', () => {})
let written = 0, failed = 0, session
async function write() {
  for (;;) {
    await pool.query('insert into orders values ($1, $2)', [1_000 + written, 'bread']).then(() => written++, (error) => {
      // It may have been committed all the same.
      if (error.code === '23505') written++
      else failed++
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
void write()
// One connection that is kept, to tell whether it was cut.
const kept = new pg.Client({ connectionString: process.env.DATABASE_URL })
kept.on('error', () => (session = undefined))
void kept.connect().then(async () => (session = (await kept.query('select pg_backend_pid() as pid')).rows[0].pid))
createServer(async (request, response) => {
  const alive = session === undefined ? undefined : await kept.query('select 1').then(() => session, () => undefined)
  response.end(JSON.stringify({ pid: process.pid, url: process.env.DATABASE_URL, written, failed, session: alive }))
}).listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGTERM', async () => {
  // What a request that is under way needs at the end.
  await pool.query("insert into orders values (999, 'last')").then(() => console.log('wrote at the end'), console.log)
  process.exit(0)
})
`
const UP = ['up', '--port', '0', '--detach', '--json']
const WRITER = {
  ...WEB,
  command: 'DATABASE_URL=$TENFOLD_DATABASE_ORDERS exec node writer.js',
  databases: ['orders'],
  instances: { min: 1 },
}

interface Writer {
  readonly pid: number
  readonly url: string
  readonly written: number
  readonly failed: number
  readonly session?: number
}

async function orders(on: Stage): Promise<SystemSnapshot['databases'][string] | undefined> {
  return (await snapshotOf(on))?.databases['orders']
}

async function isProtected(on: Stage): Promise<boolean> {
  const { alarm, nodes = [], state } = (await orders(on)) ?? {}
  const isStandby = nodes.some((node) => node.role === 'standby' && node.state === 'ready')
  return isStandby && alarm === undefined && state === 'ready'
}

test('a program with a URL from its environment writes on after failovers and a switch-over, in the same process', async () => {
  const on = stage({
    ...shopWithDatabase({
      databases: { orders: { migrations: './migrations', seed: './seed.js', standby: 'synchronous' } },
      services: { web: WRITER },
    }),
    'writer.js': PROGRAM,
  })
  mkdirSync(join(on.directory, 'node_modules'))
  symlinkSync(join(CHECKOUT, 'node_modules/pg'), join(on.directory, 'node_modules/pg'))
  const { code, out, err } = await on.end(UP)
  expect(code, err).toBe(0)
  const { gateway, pid } = JSON.parse(out) as SystemSnapshot
  const url = gateway.url!
  const writesOn = async (what: string): Promise<Writer> => {
    const { written } = await ask<Writer>(url, '/')
    await eventually(what, async () => (await ask<Writer>(url, '/')).written > written + 5)
    return ask<Writer>(url, '/')
  }
  await eventually('a standby', () => isProtected(on))
  const before = await writesOn('writes')
  const ports = (await orders(on))?.nodes.map(({ port }) => port)
  expect(ports).not.toContain(Number(new URL(before.url).port))

  const primary = (await orders(on))?.nodes.find(({ role }) => role === 'primary')
  process.kill(primary!.pid!, 'SIGKILL')
  await eventually('another primary', async () => (await orders(on))?.term === 2)
  const after = await writesOn('writes to the new primary')
  expect(after).toMatchObject({ pid: before.pid, url: before.url })
  await eventually('a standby again', () => isProtected(on))

  await connectControl(on.state()).command('switchover', { database: 'orders' })
  expect(await writesOn('writes after a switch-over')).toMatchObject({ pid: before.pid })
  await eventually('a standby once more', () => isProtected(on))

  // Another program of the service is told the same.
  const run = await on.end(['run', 'web', '--', 'sh', '-c', 'echo $TENFOLD_DATABASE_ORDERS'])
  expect(run.out.trim()).toBe(before.url)

  process.kill(pid, 'SIGKILL')
  await eventually('the control plane to be gone', async () => (await snapshotOf(on)) === undefined)
  const alone = await writesOn('writes while nobody controls')
  expect((await on.end(UP)).code).toBe(0)
  const adopted = await writesOn('writes after the adoption')
  expect(adopted).toMatchObject({ pid: before.pid, url: before.url, failed: alone.failed })

  expect((await on.end(['down'])).code).toBe(0)
  expect(readFileSync(join(on.state(), 'logs/web/web-1.log'), 'utf8')).toContain('wrote at the end')
  expect(on.leftovers()).toEqual([])

  expect((await on.end(UP)).code).toBe(0)
  const again = await on.end(['run', 'web', '--', 'sh', '-c', 'echo $TENFOLD_DATABASE_ORDERS'])
  expect(again.out.trim()).toBe(before.url)
  expect((await on.end(['down'])).code).toBe(0)
})
