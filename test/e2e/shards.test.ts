import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectControl } from '../../src/control/control-client.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import type { MoveStatus, ShardsStatus } from '../../src/runtime/shard-operating.ts'
import type { Stage } from './stage.ts'
import { CHECKOUT, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 4 * TEST_TIMEOUT_MS })

/** Six servers, on a machine that does ten other things. */
const PATIENTLY = { timeoutMs: TEST_TIMEOUT_MS }

const FILES = {
  'tenfold.config.ts': blueprint(2),
  'seed.ts': `import type { SeedContext } from 'tenfold'
export async function seed({ copy, has, execute }: SeedContext): Promise<void> {
  const users = Array.from({ length: 40 }, (_, user) => user)
  await copy('purchase', ['user_id', 'id', 'cents'], users.map((user) => [user, 0, 100]))
  for (const user of users.filter((each) => has(each))) await execute(\`insert into visit values (\${user}, now())\`)
}`,
  'migrations/001.sql': `
    create table purchase (user_id bigint, id bigint, cents int not null, primary key (user_id, id));
    create table visit (user_id bigint, at timestamptz, primary key (user_id, at));
    create table country (code text primary key);`,
  'api.ts': `import { createServer } from 'node:http'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, publishes } = await bind<System, 'api'>()
createServer(async (request, response) => {
  try {
    const [, user, id] = request.url!.split('/').map(Number)
    const orders = databases.orders.shard(user!)
    if (request.method === 'GET') {
      const rows = await orders.read().db.selectFrom('purchase').select('id').where('user_id', '=', user!).orderBy('id').execute()
      response.end(JSON.stringify(rows.map((row) => Number(row.id))))
      return
    }
    await orders.transaction(async (transaction) => {
      const purchase = { user_id: user!, id: id!, cents: 5 }
      const [made] = await transaction.db.insertInto('purchase').values(purchase).onConflict((at) => at.doNothing()).execute()
      if (made!.numInsertedOrUpdatedRows === 0n) return
      await publishes.placed.publish({ user: user!, id: id! }, { transaction })
    })
    response.writeHead(201).end()
  } catch (error) {
    response.writeHead(500).end(String((error as Error).stack))
  }
}).listen(Number(process.env.PORT), process.env.HOST)`,
  'biller.ts': `import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, consumes } = await bind<System, 'biller'>()
await consumes.placed.each(
  async ({ value }, { transaction }) => {
    await transaction.query('insert into bill (user_id, id) values ($1, $2)', [value.user, value.id])
  },
  { effects: databases.events },
)`,
  'events/001.sql': 'create table bill (user_id int, id int, primary key (user_id, id));',
}

function blueprint(count: number): string {
  return `import { defineSystem, shape } from 'tenfold'
export interface Tables {
  purchase: { user_id: number; id: number; cents: number }
  visit: { user_id: number; at: Date }
  country: { code: string }
}
const system = defineSystem({
  name: 'shop',
  databases: {
    orders: {
      tables: shape<Tables>(), key: 'user_id', shards: { by: 'hash', count: ${count} }, reference: ['country'],
      migrations: './migrations', seed: './seed.ts', standby: 'synchronous',
    },
    events: { migrations: './events' },
  },
  topics: { placed: { event: shape<{ user: number; id: number }>(), key: 'user', partitions: 2, database: 'events' } },
  services: {
    api: { entry: './api.ts', routes: ['/'], databases: ['orders'], publishes: ['placed'] },
    biller: { entry: './biller.ts', databases: ['events'], consumes: ['placed'] },
  },
})
export default system
export type System = typeof system
`
}

/** Where `tenfold` is found. */
function insideTheCheckout(): string {
  const directory = join(CHECKOUT, `.bench/e2e-shards-${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  return directory
}

async function rowsOf<Row>(
  on: Stage,
  text: string,
  database: { name: string; shard?: number },
): Promise<readonly Row[]> {
  const { url } = await connectControl(on.state()).command<{ url: string }>('database', database)
  const connection = connectDatabase({ url, connectionsMax: 1 })
  try {
    return (await connection.query<Row>(text)).rows
  } finally {
    await connection.end()
  }
}

/** Users whose purchases are on each shard. */
async function usersByShard(on: Stage, count: number): Promise<readonly (readonly number[])[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, shard) => {
      const rows = await rowsOf<{ user: number }>(
        on,
        'select distinct user_id::int as "user" from purchase order by 1',
        { name: 'orders', shard },
      )
      return rows.map(({ user }) => user)
    }),
  )
}

/** Purchases of all shards. */
async function rowsByUser(on: Stage, count: number): Promise<readonly { user: number; id: number }[]> {
  const shards = Array.from({ length: count }, (_, shard) =>
    rowsOf<{ user: number; id: number }>(on, 'select user_id::int as "user", id::int from purchase', {
      name: 'orders',
      shard,
    }),
  )
  return (await Promise.all(shards)).flat()
}

/** One purchase after the other, until the signal. */
async function order(
  users: readonly number[],
  place: (user: number, id: number) => Promise<void>,
  signal: AbortSignal,
): Promise<readonly (readonly [user: number, id: number])[]> {
  const ordered: (readonly [number, number])[] = []
  for (let n = 0; !signal.aborted; n++) {
    const [user, id] = [users[n % users.length]!, 1_000 + n]
    await place(user, id)
    ordered.push([user, id])
  }
  return ordered
}

test('a database on shards is started, filled, used, migrated, enlarged and split, and one that fails over leaves the others alone', async () => {
  const on = stage(FILES, { directory: insideTheCheckout() })
  expect(await on.end(['up', '--detach'], PATIENTLY)).toMatchObject({ code: 0 })

  // Each row of the seed is where it belongs, once.
  const users = Array.from({ length: 40 }, (_, user) => user)
  const seeded = await usersByShard(on, 2)
  expect(seeded.flat().toSorted((a, b) => a - b)).toEqual(users)
  expect(Math.min(...seeded.map(({ length }) => length))).toBeGreaterThan(5)
  await eventually('both shards to be whole', async () => {
    const { databases = {} } = (await snapshotOf(on)) ?? {}
    const shards = ['orders-0', 'orders-1'].map((name) => databases[name])
    return shards.every((each) => each?.shard?.buckets === 512 && each.nodes.every(({ state }) => state === 'ready'))
  })
  expect((await snapshotOf(on))?.databases['orders-1']).toMatchObject({
    shard: { database: 'orders', number: 1 },
    nodes: [{ role: 'primary' }, { role: 'standby' }],
  })
  const status = await on.end(['status'])
  expect(status.out).toMatch(/orders-0 +shard +ready .*512 buckets/)

  // Through the service, with an event in the same commit that another database's reader gets once.
  const url = (await snapshotOf(on))!.gateway.url!
  const place = async (user: number, id: number): Promise<void> => {
    const answer = await fetch(`${url}/${user}/${id}`, { method: 'POST' })
    if (answer.status !== 201) throw new Error(await answer.text())
  }
  const idsOf = async (user: number): Promise<number[]> => (await fetch(`${url}/${user}`)).json() as Promise<number[]>
  for (const user of users) await place(user, 1)
  expect(await usersByShard(on, 2)).toEqual(seeded)
  const bills = (): Promise<readonly unknown[]> => rowsOf(on, 'table bill', { name: 'events' })
  await eventually('every purchase to be billed', async () => (await bills()).length === 40)

  // A row that belongs elsewhere is refused, whoever writes it; and nobody writes who owns what.
  const foreign = seeded[1]![0]!
  const psql = await on.end(['sql', 'orders', '--shard', '0', '-c', `insert into purchase values (${foreign}, 9, 1)`])
  expect(psql).toMatchObject({ code: 1, err: expect.stringContaining('is not on this shard') })

  // The primary of one shard dies: the other goes on at once, and this one soon.
  const victim = (await snapshotOf(on))!.databases['orders-0']!.nodes.find(({ role }) => role === 'primary')!
  const [there, elsewhere] = [seeded[0]![0]!, seeded[1]![0]!]
  process.kill(victim.pid!, 'SIGKILL')
  await place(elsewhere, 2)
  await eventually('the shard to take writes again', async () =>
    place(there, 2).then(
      () => true,
      () => false,
    ),
  )
  await eventually('a follower to show it', async () => (await idsOf(there)).join() === '0,1,2')
  expect((await snapshotOf(on))?.databases).toMatchObject({ 'orders-0': { term: 2 }, 'orders-1': { term: 1 } })

  // A migration that is new goes over all shards, and tables that it brings are guarded.
  on.write({ 'migrations/002.sql': 'create table wish (user_id bigint, id bigint, primary key (user_id, id));' })
  const planned = await on.end(['migrate', '--dry-run', 'orders'])
  expect(planned.out).toMatch(/orders-0 +migrations\/002\.sql\n +orders-1 +migrations\/002\.sql/)
  const migrated = await on.end(['migrate'], PATIENTLY)
  expect(migrated).toMatchObject({ code: 0, out: expect.stringMatching(/orders-0 +1 applied\n +orders-1 +1 applied/) })
  const wish = await on.end(['sql', 'orders-0', '-c', `insert into wish values (${foreign}, 9)`])
  expect(wish).toMatchObject({ code: 1, err: expect.stringContaining('is not on this shard') })

  // More shards start empty, with all tables; what is there stays where it is, and is still found.
  on.write({ 'tenfold.config.ts': blueprint(3) })
  const plan = await on.end(['apply', '--dry-run'], PATIENTLY)
  expect(plan.out).toMatch(/databases\.orders\.shards +live +2 → 3 shards: .*tenfold shards split orders/)
  expect(await on.end(['apply'], PATIENTLY)).toMatchObject({ code: 0 })
  expect(await usersByShard(on, 3)).toEqual([...seeded, []])
  await place(there, 3)
  await eventually('a follower to show it', async () => (await idsOf(there)).join() === '0,1,2,3')

  // Half of one goes to the new one while everybody orders, also when the control plane dies in the middle; and back.
  const dry = await on.end(['shards', 'split', '--dry-run'], PATIENTLY)
  expect(dry).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^2\d\d buckets from shard [01] to shard 2, ≈ \d+ rows/),
  })
  const stop = new AbortController()
  const ordering = order(users, place, stop.signal)
  expect(await on.end(['shards', 'split', 'orders', '--detach'], PATIENTLY)).toMatchObject({ code: 0 })
  process.kill((await snapshotOf(on))!.pid, 'SIGKILL')
  expect(await on.end(['up', '--detach'], PATIENTLY)).toMatchObject({ code: 0 })
  const moveOf = async (): Promise<MoveStatus> =>
    (JSON.parse((await on.end(['shards', '--all', '--json'])).out) as ShardsStatus).moves.at(-1)!
  await eventually('the move to have moved', async () => (await moveOf()).step === 'moved')
  const back = await on.end(['shards', 'move', '1', '--back'], PATIENTLY)
  expect(back).toMatchObject({ code: 0, out: expect.stringContaining('from shard 2 to shard') })
  const there2 = await on.end(['shards', 'move', 'orders', '1', '--back', '--json'], PATIENTLY)
  expect(JSON.parse(there2.out)).toMatchObject([{ id: 1, to: 2, step: 'moved', canGoBack: true }])
  const change = await on.end(['sql', 'orders-2', '-c', 'alter table wish add column note text'])
  expect(change).toMatchObject({ code: 1, err: expect.stringContaining('move 1 is not finished') })
  expect(await on.end(['shards', 'move', '1', '--finish'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--yes'),
  })
  const finished = await on.end(['shards', 'move', 'all', '--finish', '--yes'], PATIENTLY)
  expect(finished).toMatchObject({ code: 0, out: expect.stringContaining('done') })
  stop.abort()
  const ordered = await ordering
  expect(ordered.length).toBeGreaterThan(20)
  const found = await rowsByUser(on, 3)
  expect(
    ordered.filter(([user, id]) => found.filter((row) => row.user === user && row.id === id).length !== 1),
  ).toEqual([])
  await eventually(
    'every purchase to be billed, once',
    async () => (await bills()).length === found.length - users.length,
  )
  expect(await on.end(['down'], PATIENTLY)).toMatchObject({ code: 0 })

  // Fewer than hold rows: said before anything is lost.
  on.write({ 'tenfold.config.ts': blueprint(1) })
  const refused = await on.end(['up', '--detach'], PATIENTLY)
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('TF_SHARDING_CHANGED') })
  expect(on.leftovers()).toEqual([])
})
