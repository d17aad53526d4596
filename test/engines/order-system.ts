import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { connectControl } from '../../src/control/control-client.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import type { TopicMoveStatus } from '../../src/runtime/move-topic.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import type { Stage } from '../e2e/stage.ts'
import { CHECKOUT, eventually, snapshotOf } from '../e2e/stage.ts'

/** Even orders are published in a transaction, odd ones without. */
export function filesOf(topic: string, engine: string): Readonly<Record<string, string>> {
  return {
    'tenfold.config.ts': `import { defineSystem } from 'tenfold'
const system = defineSystem({
  name: 'shop',
  databases: { orders: { migrations: './migrations' }, events: {} },
  topics: { ${topic}: { key: 'account', partitions: 3, database: 'events', ${engine} } },
  services: {
    api: { entry: './api.ts', routes: ['/'], databases: ['orders', 'events'], publishes: ['${topic}'], instances: { min: 2, max: 3 } },
    biller: { entry: './biller.ts', databases: ['orders'], consumes: ['${topic}'], instances: { min: 2, max: 3 }, scale: { metric: 'lag', target: '1s' } },
  },
})
export default system
export type System = typeof system
`,
    'migrations/001.sql': `
      create table pace (seconds float not null);
      insert into pace values (0);
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
    await transaction.query('select pg_sleep(seconds) from pace')
    await transaction.query('insert into bill (id, account) values ($1, $2)', [id, account])
  },
  { effects: databases.orders },
)`,
  }
}

/** Where `tenfold` is found. */
export function insideTheCheckout(name: string): string {
  const directory = join(CHECKOUT, `.bench/${name} ${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  return directory
}

/** A shop that runs: orders are placed by `api` and billed by `biller`. */
export interface OrderSystem {
  /** Places one order after the other until it is told to stop; `stop` gives those that were answered with 200. */
  load(): { stop(): Promise<readonly number[]>; count(): number }
  bills(): Promise<readonly number[]>
  /** What billing an order takes from now on, in seconds. */
  pace(seconds: number): Promise<void>
  killOne(service: string): Promise<void>
  command<Result>(...args: readonly string[]): Promise<Result>
  move(...options: readonly string[]): Promise<TopicMoveStatus>
}

/** @param env of `tenfold up`, with the address of the engine */
export async function openOrderSystem(
  topic: string,
  on: Stage,
  env: Readonly<Record<string, string>>,
): Promise<OrderSystem> {
  const up = await on.end(['up', '--port', '0', '--detach', '--json'], { env })
  expect(up, up.err).toMatchObject({ code: 0 })
  const { gateway } = JSON.parse(up.out) as SystemSnapshot
  const { url } = await connectControl(on.state()).command<{ url: string }>('database', { name: 'orders' })
  const orders = connectDatabase({ url, connectionsMax: 1 })
  onTestFinished(() => orders.end())
  let next = 0
  const command: OrderSystem['command'] = async (...args) => {
    const ended = await on.end([...args, '--json'])
    expect(ended, ended.err).toMatchObject({ code: 0 })
    return JSON.parse(ended.out)
  }
  return {
    command,
    move: (...options) => command('topics', 'move', topic, ...options),
    load() {
      const placed: number[] = []
      const over = new AbortController()
      const work = (async () => {
        while (!over.signal.aborted) {
          const id = next++
          const answer = await fetch(`${gateway.url}/${id}`, { method: 'POST' }).catch(() => undefined)
          if (answer?.ok === true) placed.push(id)
          await sleep(systemClock, 10)
        }
      })()
      return {
        count: () => placed.length,
        async stop() {
          over.abort()
          await work
          return placed
        },
      }
    },
    async bills() {
      return (await orders.query<{ id: number }>('select id from bill order by id')).rows.map(({ id }) => id)
    },
    async pace(seconds) {
      await orders.query('update pace set seconds = $1', [seconds])
    },
    async killOne(service) {
      const { services } = (await snapshotOf(on))!
      process.kill(services[service]!.instances.find(({ state }) => state === 'ready')!.pid!, 'SIGKILL')
    },
  }
}

/** Everything that was answered is billed, and nothing twice. */
export async function expectBilled(shop: OrderSystem, acknowledged: readonly number[]): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const bills = new Set(await shop.bills())
    return acknowledged.every((id) => bills.has(id))
  }
  await eventually('every order to be billed', isThere, 120_000)
  const bills = await shop.bills()
  expect(bills).toEqual([...new Set(bills)])
}
