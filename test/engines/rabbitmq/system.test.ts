import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connectControl } from '../../../src/control/control-client.ts'
import type { SystemSnapshot } from '../../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { GroupLag } from '../../../src/topics/lag.ts'
import { eventually, snapshotOf, stage } from '../../e2e/stage.ts'
import { expectBilled, filesOf, insideTheCheckout, openOrderSystem } from '../order-system.ts'
import type { RabbitBroker } from './rabbit-broker.ts'
import { HOW_TO_GET, startRabbitBroker } from './rabbit-broker.ts'

/* Whole systems with a topic, and with a queue, on RabbitMQ. */

let broker: RabbitBroker | undefined
let ran = 0

beforeAll(async () => {
  broker = await startRabbitBroker()
}, 180_000)
afterAll(async () => {
  await broker?.end()
  const said =
    broker === undefined
      ? `skipped  RabbitMQ, because it is not installed: ${HOW_TO_GET}`
      : `ran      RabbitMQ ${broker.version}: ${ran} systems`
  process.stdout.write(`\n${said}\n`)
})

const ENGINE = "engine: 'rabbitmq', url: { env: 'RABBITMQ_URL' },"

test(
  'a system has its topic on RabbitMQ: every order is billed once, whoever is killed',
  { timeout: 500_000 },
  async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const on = stage(filesOf('placed', ENGINE), { directory: insideTheCheckout('rabbitmq topic') })
    const shop = await openOrderSystem('placed', on, { RABBITMQ_URL: broker.url })
    const load = shop.load()
    await eventually('orders to be placed', () => load.count() > 60)
    // Who can't keep up gets more instances, by the lag in the engine.
    await shop.pace(5)
    await eventually('an instance more', async () => (await snapshotOf(on))!.services['biller']!.desired === 3, 120_000)
    await shop.pace(0)
    await shop.killOne('biller')
    await eventually('more of them', () => load.count() > 120)
    await shop.killOne('api')
    await eventually('still more', () => load.count() > 180)
    await broker.kill()
    await sleep(systemClock, 1_000)
    await broker.start()
    await eventually('orders after the broker has died', () => load.count() > 260, 120_000)
    await expectBilled(shop, await load.stop())
    await eventually('the lag to be gone', async () => {
      const lags = await shop.command<readonly GroupLag[]>('topics', 'lag', 'placed')
      return lags.length === 1 && lags[0]!.group === 'biller' && lags[0]!.messages === 0 && lags[0]!.members > 0
    })
    expect(JSON.stringify(await snapshotOf(on))).not.toContain(broker.url)
    expect(await shop.command('topics', 'dead', 'placed')).toEqual([])
    expect(await on.end(['topics', 'peek', 'placed'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('RabbitMQ'),
    })
    expect(await on.end(['topics', 'replay', 'placed', '--from', 'beginning', '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('RabbitMQ'),
    })
    expect(await on.end(['topics', 'move', 'placed'])).toMatchObject({ code: 2 })
    // What RabbitMQ has can't be in PostgreSQL again under the same name.
    on.write(filesOf('placed', ''))
    expect(await on.end(['apply'])).toMatchObject({ code: 1, err: expect.stringContaining('another name') })
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)

/** Even items are put in with a transaction, odd ones without; number 13 can't be done. */
const QUEUE_FILES = {
  'tenfold.config.ts': `import { defineSystem } from 'tenfold'
const system = defineSystem({
  name: 'shop',
  databases: { orders: { migrations: './migrations' } },
  queues: { emails: { engine: 'rabbitmq', url: { env: 'RABBITMQ_URL' } } },
  services: {
    api: { entry: './api.ts', routes: ['/'], databases: ['orders'], enqueues: ['emails'] },
    mailer: { entry: './mailer.ts', databases: ['orders'], works: ['emails'], instances: { min: 2, max: 2 } },
  },
})
export default system
export type System = typeof system
`,
  'migrations/001.sql': 'create table sent (id int not null);',
  'api.ts': `import { createServer } from 'node:http'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, enqueues } = await bind<System, 'api'>()
createServer(async (request, response) => {
  try {
    const id = Number(request.url!.slice(1))
    if (id % 2 === 0) await databases.orders.transaction((transaction) => enqueues.emails.enqueue({ id }, { transaction }))
    else await enqueues.emails.enqueue({ id })
    response.end('ok')
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}).listen(Number(process.env.PORT), process.env.HOST)`,
  'mailer.ts': `import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, works } = await bind<System, 'mailer'>()
await works.emails.each(
  async ({ value }, { transaction }) => {
    const { id } = value as { id: number }
    if (id === 13) throw new Error('unlucky')
    await transaction.query('insert into sent values ($1)', [id])
  },
  { effects: databases.orders, retry: { attempts: 2, pause: '10ms' } },
)`,
}

test(
  'a system has its queue on RabbitMQ: every item is done once, whoever is killed',
  { timeout: 500_000 },
  async ({ skip }) => {
    if (broker === undefined) return skip('RabbitMQ is not installed')
    const on = stage(QUEUE_FILES, { directory: insideTheCheckout('rabbitmq queue') })
    const up = await on.end(['up', '--port', '0', '--detach', '--json'], { env: { RABBITMQ_URL: broker.url } })
    expect(up, up.err).toMatchObject({ code: 0 })
    const { gateway } = JSON.parse(up.out) as SystemSnapshot
    const { url } = await connectControl(on.state()).command<{ url: string }>('database', { name: 'orders' })
    const orders = connectDatabase({ url, connectionsMax: 1 })
    onTestFinished(() => orders.end())
    const acknowledged: number[] = []
    const put = async (from: number, to: number): Promise<void> => {
      for (let id = from; id < to; id++) {
        const answer = await fetch(`${gateway.url}/${id}`, { method: 'POST' }).catch(() => undefined)
        if (answer?.ok === true) acknowledged.push(id)
      }
    }
    await put(0, 60)
    const { services } = (await snapshotOf(on))!
    process.kill(services['mailer']!.instances.find(({ state }) => state === 'ready')!.pid!, 'SIGKILL')
    await put(60, 120)
    await broker.kill()
    await broker.start()
    await put(120, 180)
    const done = async (): Promise<readonly number[]> =>
      (await orders.query<{ id: number }>('select id from sent order by id')).rows.map(({ id }) => id)
    const wanted = acknowledged.filter((id) => id !== 13)
    await eventually(
      'every item to be done',
      async () => {
        const ids = new Set(await done())
        return wanted.every((id) => ids.has(id))
      },
      120_000,
    )
    const ids = await done()
    expect(ids).toEqual([...new Set(ids)])
    const dead = await on.end(['queues', 'dead', 'emails', '--json'])
    expect(dead, dead.err).toMatchObject({ code: 0, out: expect.stringContaining('unlucky') })
    await eventually('the queue to be seen', async () => (await snapshotOf(on))?.queues?.['emails']?.deadItems === 1)
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)
