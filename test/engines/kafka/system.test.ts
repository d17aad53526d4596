import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connectControl } from '../../../src/control/control-client.ts'
import type { SystemSnapshot } from '../../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { TopicMoveStatus } from '../../../src/runtime/move-topic.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { GroupLag } from '../../../src/topics/lag.ts'
import type { Stage } from '../../e2e/stage.ts'
import { CHECKOUT, eventually, snapshotOf, stage } from '../../e2e/stage.ts'
import type { KafkaBroker } from './kafka-broker.ts'
import { startKafkaBroker } from './kafka-broker.ts'

/* A whole system with its topic in Kafka, and one whose topic moves there while it works. */

const TIMEOUT_MS = 500_000

let broker: KafkaBroker | undefined
let missing = ''
let ran = 0

beforeAll(async () => {
  const started = await startKafkaBroker()
  if ('missing' in started) ({ missing } = started)
  else broker = started
}, 180_000)
afterAll(async () => {
  await broker?.end()
  const said =
    broker === undefined ? `skipped  Kafka, because ${missing}` : `ran      Kafka ${broker.version}: ${ran} systems`
  process.stdout.write(`\n${said}\n`)
})

const ENGINE = "engine: 'kafka', url: { env: 'KAFKA_URL' },"

/** Even orders are published in a transaction, odd ones without. */
function files(topic: string, engine: string): Readonly<Record<string, string>> {
  return {
    'tenfold.config.ts': `import { defineSystem } from 'tenfold'
const system = defineSystem({
  name: 'shop',
  databases: { orders: { migrations: './migrations' }, events: {} },
  topics: { ${topic}: { key: 'account', partitions: 3, database: 'events', ${engine} } },
  services: {
    api: { entry: './api.ts', routes: ['/'], databases: ['orders', 'events'], publishes: ['${topic}'], instances: { min: 2, max: 3 } },
    biller: { entry: './biller.ts', databases: ['orders'], consumes: ['${topic}'], instances: { min: 2, max: 3 } },
  },
})
export default system
export type System = typeof system
`,
    'migrations/001.sql': `
      create table placed (id int primary key, account int not null);
      create table bill (number bigint generated always as identity, id int not null, account int not null);`,
    'api.ts': `import { createServer } from 'node:http'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, publishes } = await bind<System, 'api'>()
createServer(async (request, response) => {
  try {
    const id = Number(request.url!.slice(1))
    const event = { id, account: id % 6 }
    const insert = 'insert into placed values ($1, $2)'
    if (id % 2 === 0) {
      await databases.orders.transaction(async (transaction) => {
        await transaction.query(insert, [id, event.account])
        await publishes.${topic}.publish(event, { transaction })
      })
    } else {
      await publishes.${topic}.publish(event)
      await databases.orders.transaction((transaction) => transaction.query(insert, [id, event.account]))
    }
    response.end('ok')
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}).listen(Number(process.env.PORT), process.env.HOST)`,
    'biller.ts': `import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, consumes } = await bind<System, 'biller'>()
await consumes.${topic}.each(
  async ({ value }, { transaction }) => {
    const { id, account } = value as { id: number; account: number }
    await transaction.query('insert into bill (id, account) values ($1, $2)', [id, account])
  },
  { effects: databases.orders },
)`,
  }
}

/** Where `tenfold` is found. */
function insideTheCheckout(name: string): string {
  const directory = join(CHECKOUT, `.bench/kafka ${name} ${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  return directory
}

interface Shop {
  /** Places one order after the other until it is told to stop; `stop` gives those that were answered with 200. */
  load(): { stop(): Promise<readonly number[]>; count(): number }
  bills(): Promise<readonly number[]>
  killOne(service: string): Promise<void>
  command<Result>(...args: readonly string[]): Promise<Result>
  move(...options: readonly string[]): Promise<TopicMoveStatus>
}

async function open(topic: string, on: Stage): Promise<Shop> {
  const up = await on.end(['up', '--port', '0', '--detach', '--json'], { env: { KAFKA_URL: broker!.url } })
  expect(up, up.err).toMatchObject({ code: 0 })
  const { gateway } = JSON.parse(up.out) as SystemSnapshot
  const { url } = await connectControl(on.state()).command<{ url: string }>('database', { name: 'orders' })
  const orders = connectDatabase({ url, connectionsMax: 1 })
  onTestFinished(() => orders.end())
  let next = 0
  const command: Shop['command'] = async (...args) => {
    const ended = await on.end([...args, '--json'])
    expect(ended, ended.err).toMatchObject({ code: 0 })
    return JSON.parse(ended.out)
  }
  return {
    command,
    move: (...options) => command('topics', 'move', topic, ...options),
    load() {
      const placed: number[] = []
      let isOver = false
      const work = (async () => {
        while (!isOver) {
          const id = next++
          const answer = await fetch(`${gateway.url}/${id}`, { method: 'POST' }).catch(() => undefined)
          if (answer?.ok === true) placed.push(id)
          await sleep(systemClock, 10)
        }
      })()
      return {
        count: () => placed.length,
        async stop() {
          isOver = true
          await work
          return placed
        },
      }
    },
    async bills() {
      return (await orders.query<{ id: number }>('select id from bill order by id')).rows.map(({ id }) => id)
    },
    async killOne(service) {
      const { services } = (await snapshotOf(on))!
      process.kill(services[service]!.instances.find(({ state }) => state === 'ready')!.pid!, 'SIGKILL')
    },
  }
}

/** Everything that was answered is billed, and nothing twice. */
async function expectBilled(shop: Shop, acknowledged: readonly number[]): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const bills = new Set(await shop.bills())
    return acknowledged.every((id) => bills.has(id))
  }
  await eventually('every order to be billed', isThere, 120_000)
  const bills = await shop.bills()
  expect(bills).toEqual([...new Set(bills)])
}

test(
  'a system has its topic in Kafka: every order is billed once, whoever is killed',
  { timeout: TIMEOUT_MS },
  async ({ skip }) => {
    if (broker === undefined) return skip(missing)
    const on = stage(files('placed', ENGINE), { directory: insideTheCheckout('topic') })
    const shop = await open('placed', on)
    const load = shop.load()
    await eventually('orders to be placed', () => load.count() > 60)
    await shop.killOne('biller')
    await eventually('more of them', () => load.count() > 120)
    await shop.killOne('api')
    await eventually('still more', () => load.count() > 180)
    await broker.restart()
    await eventually('orders after the broker has died', () => load.count() > 260, 120_000)
    await expectBilled(shop, await load.stop())
    // The groups are seen where they are.
    await eventually('the lag to be gone', async () => {
      const lags = await shop.command<readonly GroupLag[]>('topics', 'lag', 'placed')
      return lags.length === 1 && lags[0]!.group === 'biller' && lags[0]!.messages === 0 && lags[0]!.members > 0
    })
    const { topics } = (await snapshotOf(on))!
    expect(topics?.['placed']).toMatchObject({ database: 'events', groups: [{ group: 'biller' }], outboxes: [] })
    // Addresses are for services only.
    const state = JSON.stringify(await snapshotOf(on))
    expect(state).not.toContain(broker.url)
    expect(readFileSync(join(on.state(), 'audit.log'), 'utf8')).not.toContain(broker.url)
    expect(await on.end(['topics', 'peek', 'placed'])).toMatchObject({ code: 1, err: expect.stringContaining('Kafka') })
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)

/** A system with the topic in PostgreSQL, under load, that has been told of Kafka since. */
async function moving(topic: string, on: Stage): Promise<{ shop: Shop; load: ReturnType<Shop['load']> }> {
  const shop = await open(topic, on)
  expect(await on.end(['topics', 'move', topic])).toMatchObject({
    code: 2,
    err: expect.stringContaining("engine: 'kafka'"),
  })
  const load = shop.load()
  await eventually('orders to be placed', () => load.count() > 60)
  on.write({ 'tenfold.config.ts': files(topic, ENGINE)['tenfold.config.ts']! })
  const applied = await on.end(['apply'])
  expect(applied, applied.err).toMatchObject({ code: 0, out: expect.stringContaining('tenfold topics move') })
  expect(await shop.move('--dry-run')).toMatchObject({ move: 'none' })
  expect(await shop.move()).toMatchObject({ move: 'moving' })
  return { shop, load }
}

test(
  'a topic moves to Kafka under load, by a line of the blueprint and a command, whoever is killed',
  { timeout: TIMEOUT_MS },
  async ({ skip }) => {
    if (broker === undefined) return skip(missing)
    const topic = 'moved'
    const on = stage(files(topic, ''), { directory: insideTheCheckout(topic) })
    const { shop, load } = await moving(topic, on)
    const seen = load.count()
    await shop.killOne('biller')
    await eventually('orders while it moves', () => load.count() > seen + 60)
    await broker.restart()
    await eventually('all to be read in PostgreSQL', async () => (await shop.move('--dry-run')).undrained.length === 0)
    expect(await on.end(['topics', 'move', topic, '--finish'])).toMatchObject({ code: 2 })
    expect(await shop.move('--finish', '--yes')).toMatchObject({ move: 'moved' })
    await shop.killOne('api')
    const then = load.count()
    await eventually('orders after it', () => load.count() > then + 60)
    await expectBilled(shop, await load.stop())
    // The blueprint can't say that it is in PostgreSQL again.
    on.write(files(topic, ''))
    expect(await on.end(['apply'])).toMatchObject({ code: 1, err: expect.stringContaining('has moved') })
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)

test(
  'a topic that moves comes back, with everything that was published meanwhile',
  { timeout: TIMEOUT_MS },
  async ({ skip }) => {
    if (broker === undefined) return skip(missing)
    const topic = 'returned'
    const on = stage(files(topic, ''), { directory: insideTheCheckout(topic) })
    const { shop, load } = await moving(topic, on)
    const seen = load.count()
    await eventually('orders while it moves', () => load.count() > seen + 60)
    expect(await shop.move('--back', '--yes')).toMatchObject({ move: 'returned' })
    on.write(files(topic, ''))
    const applied = await on.end(['apply'])
    expect(applied, applied.err).toMatchObject({ code: 0 })
    await shop.killOne('biller')
    const then = load.count()
    await eventually('orders after it', () => load.count() > then + 60)
    await expectBilled(shop, await load.stop())
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)
