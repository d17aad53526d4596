import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectControl } from '../../src/control/control-client.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import type { Stage } from './stage.ts'
import { CHECKOUT, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 4 * TEST_TIMEOUT_MS })

/** Two clusters and five instances, on a machine that does ten other things. */
const PATIENTLY = { timeoutMs: TEST_TIMEOUT_MS }

/** Orders are placed in their own database; the topic is in another, where the biller, who needs no server, has no rows. */
const FILES = {
  'tenfold.config.ts': blueprint(),
  'migrations/001.sql': `
    create table account (id int primary key, orders int not null default 0);
    insert into account select n, 0 from generate_series(0, 4) n;
    create table placed (id int primary key, account int not null);
    create table bill (number bigint generated always as identity, id int not null, account int not null);`,
  'api.ts': `import { createServer } from 'node:http'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, publishes } = await bind<System, 'api'>()
createServer(async (request, response) => {
  try {
    const id = Number(request.url!.slice(1))
    await databases.orders.transaction(async (transaction) => {
      await transaction.query('update account set orders = orders + 1 where id = $1', [id % 5])
      await transaction.query('insert into placed values ($1, $2)', [id, id % 5])
      await publishes.placed.publish({ id, account: id % 5 }, { transaction })
    })
    response.end('ok')
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}).listen(Number(process.env.PORT), process.env.HOST)`,
  'biller.ts': `import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, consumes } = await bind<System, 'biller'>()
await consumes.placed.each(
  async ({ value }, { transaction }) => {
    await transaction.query('insert into bill (id, account) values ($1, $2)', [value.id, value.account])
    if (value.id === 13) throw new Error('unlucky')
  },
  { effects: databases.orders, retry: { attempts: 2, pause: '10ms' } },
)`,
}

function blueprint(topic = "partitions: 3, retention: '1d'"): string {
  return `import { defineSystem } from 'tenfold'
import { z } from 'zod'
const system = defineSystem({
  name: 'shop',
  databases: { orders: { migrations: './migrations' }, events: {} },
  topics: { placed: { event: z.object({ id: z.number(), account: z.number() }), key: 'account', database: 'events', ${topic} } },
  services: {
    api: { entry: './api.ts', routes: ['/'], databases: ['orders'], publishes: ['placed'], instances: { min: 2, max: 3 } },
    biller: { entry: './biller.ts', databases: ['orders'], consumes: ['placed'], instances: { min: 2, max: 3 } },
  },
})
export default system
export type System = typeof system
`
}

/** Where `zod` and `tenfold` are found. */
function insideTheCheckout(): string {
  const directory = join(CHECKOUT, `.bench/e2e-topics-${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  return directory
}

async function urlOf(on: Stage, database: string): Promise<string> {
  return (await connectControl(on.state()).command<{ url: string }>('database', { name: database })).url
}

async function pidOf(on: Stage, service: string): Promise<number> {
  const { services } = (await snapshotOf(on))!
  return services[service]!.instances.find(({ state }) => state === 'ready')!.pid!
}

async function isRunning(on: Stage): Promise<boolean> {
  return (await snapshotOf(on))?.phase === 'running'
}

test('no order goes unbilled or is billed twice, whoever is killed', async () => {
  const on = stage(FILES, { directory: insideTheCheckout() })
  const up = await on.end(['up', '--port', '0', '--detach', '--json'], PATIENTLY)
  expect(up, up.err).toMatchObject({ code: 0 })
  const { gateway, pid } = JSON.parse(up.out) as SystemSnapshot
  const url = gateway.url!
  const acknowledged: number[] = []
  const unknown: number[] = []
  const place = async (from: number, to: number): Promise<void> => {
    for (let id = from; id < to; id++) {
      const answer = await fetch(`${url}/${id}`, { method: 'POST' }).catch(() => undefined)
      if (answer?.ok === true) acknowledged.push(id)
      else unknown.push(id)
    }
  }
  await place(0, 60)
  process.kill(await pidOf(on, 'biller'), 'SIGKILL')
  await place(60, 120)
  process.kill(await pidOf(on, 'api'), 'SIGKILL')
  await place(120, 180)
  expect(await on.end(['scale', 'biller', '3'])).toMatchObject({ code: 0 })
  await place(180, 220)
  expect(await on.end(['scale', 'biller', '1'])).toMatchObject({ code: 0 })

  // Topics need no control plane, and the next one goes on with what runs.
  process.kill(pid, 'SIGKILL')
  await eventually('the control plane to be gone', async () => (await snapshotOf(on)) === undefined)
  await place(220, 260)
  expect(await on.end(['up', '--port', '0', '--detach'], PATIENTLY)).toMatchObject({ code: 0 })
  await place(260, 300)
  await eventually('everything to run', () => isRunning(on))

  const orders = connectDatabase({ url: await urlOf(on, 'orders'), connectionsMax: 1 })
  const numbers = async (text: string): Promise<readonly number[]> =>
    (await orders.query<{ id: number }>(text)).rows.map(({ id }) => id)
  const placed = await numbers('select id from placed order by id')
  expect(acknowledged.filter((id) => !placed.includes(id))).toEqual([])
  expect(unknown.length).toBeLessThan(20)
  // The one that can't be billed is put aside, with its cause.
  const expected = placed.filter((id) => id !== 13)
  await eventually(
    'every order to be billed',
    async () => (await numbers('select id from bill')).length >= expected.length,
    TEST_TIMEOUT_MS,
  )
  expect(await numbers('select id from bill order by id')).toEqual(expected)
  const { rows: late } = await orders.query(
    'select 1 from bill a join bill b on a.account = b.account and a.id < b.id and a.number > b.number',
  )
  expect(late).toEqual([])
  await orders.end()
  const events = connectDatabase({ url: await urlOf(on, 'events'), connectionsMax: 1 })
  const { rows } = await events.query('select state, attempts, cause from tenfold_topics.dead_letter')
  expect(rows).toEqual([{ state: 'dead', attempts: 2, cause: 'unlucky' }])

  // What is new is made while everything runs; what would move keys is refused.
  on.write({
    'tenfold.config.ts': blueprint(
      "partitions: 3, retention: '1h' }, paid: { key: 'id', database: 'events', partitions: 2",
    ),
  })
  const applied = await on.end(['apply'], PATIENTLY)
  expect(applied, applied.err).toMatchObject({ code: 0 })
  expect((await events.query('select name, partitions from tenfold_topics.topic order by name')).rows).toEqual([
    { name: 'paid', partitions: 2 },
    { name: 'placed', partitions: 3 },
  ])
  on.write({ 'tenfold.config.ts': blueprint('partitions: 4') })
  expect(await on.end(['apply'], PATIENTLY)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/topics\.placed\.partitions: keys would move[^]*another name/),
  })
  await events.end()
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
})
