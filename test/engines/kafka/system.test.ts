import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Admin } from '@platformatic/kafka'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GroupLag } from '../../../src/topics/lag.ts'
import type { Ended } from '../../e2e/stage.ts'
import { eventually, snapshotOf, stage } from '../../e2e/stage.ts'
import { expectBilled, filesOf, insideTheCheckout, openOrderSystem } from '../order-system.ts'
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

test(
  'a system has its topic in Kafka: every order is billed once, whoever is killed',
  { timeout: TIMEOUT_MS },
  async ({ skip }) => {
    if (broker === undefined) return skip(missing)
    const on = stage(filesOf('placed', ENGINE), { directory: insideTheCheckout('kafka topic') })
    const shop = await openOrderSystem('placed', on, { KAFKA_URL: broker.url })
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
    await broker.restart()
    await eventually('orders after the broker has died', () => load.count() > 260, 120_000)
    await expectBilled(shop, await load.stop())
    // The groups are seen where they are.
    await eventually('the lag to be gone', async () => {
      const lags = await shop.command<readonly GroupLag[]>('topics', 'lag', 'placed')
      return lags.length === 1 && lags[0]!.group === 'biller' && lags[0]!.messages === 0 && lags[0]!.members > 0
    })
    await eventually('the snapshot to show it', async () => {
      const { database, groups, outboxes } = (await snapshotOf(on))!.topics!['placed']!
      return database === 'events' && groups.length === 1 && groups[0]!.messages === 0 && outboxes.length === 0
    })
    // Addresses are for services only.
    const state = JSON.stringify(await snapshotOf(on))
    expect(state).not.toContain(broker.url)
    expect(readFileSync(join(on.state(), 'audit.log'), 'utf8')).not.toContain(broker.url)
    expect(await shop.command('topics', 'peek', 'placed', '--max', '3')).toHaveLength(3)
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)

test(
  'a topic moves to Kafka under load, comes back, and moves again for good, whoever is killed',
  { timeout: TIMEOUT_MS },
  async ({ skip }) => {
    if (broker === undefined) return skip(missing)
    const topic = 'moved'
    const [here, there] = [filesOf(topic, ''), filesOf(topic, ENGINE)]
    const on = stage(here, { directory: insideTheCheckout(`kafka ${topic}`) })
    const apply = async (files: typeof here): Promise<Ended> => {
      on.write(files)
      return on.end(['apply'])
    }
    const shop = await openOrderSystem(topic, on, { KAFKA_URL: broker.url })
    expect(await on.end(['topics', 'move', topic])).toMatchObject({
      code: 2,
      err: expect.stringContaining("engine: 'kafka'"),
    })
    const load = shop.load()
    const moreOrders = async (when: string): Promise<void> => {
      const seen = load.count()
      await eventually(`orders ${when}`, () => load.count() > seen + 60)
    }
    await moreOrders('to be placed')
    expect(await apply(there)).toMatchObject({ code: 0, out: expect.stringContaining('tenfold topics move') })
    expect(await shop.move('--dry-run')).toMatchObject({ move: 'none' })
    expect(await shop.move()).toMatchObject({ move: 'moving' })
    await shop.killOne('biller')
    await moreOrders('while it moves')

    expect(await shop.move('--back', '--yes')).toMatchObject({ move: 'returned' })
    expect(await apply(here)).toMatchObject({ code: 0 })
    await moreOrders('after it came back')

    expect(await apply(there)).toMatchObject({ code: 0 })
    expect(await on.end(['topics', 'move', topic])).toMatchObject({ code: 1, err: expect.stringContaining('delete') })
    await deleteInKafka(broker, topic)
    expect(await shop.move()).toMatchObject({ move: 'moving' })
    await shop.killOne('biller')
    await broker.restart()
    await eventually('all to be read in PostgreSQL', async () => (await shop.move('--dry-run')).undrained.length === 0)
    expect(await on.end(['topics', 'move', topic, '--finish'])).toMatchObject({ code: 2 })
    expect(await shop.move('--finish', '--yes')).toMatchObject({ move: 'moved' })
    await shop.killOne('api')
    await moreOrders('after it')
    await expectBilled(shop, await load.stop())
    // The blueprint can't say that it is in PostgreSQL again.
    expect(await apply(here)).toMatchObject({ code: 1, err: expect.stringContaining('has moved') })
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)

async function deleteInKafka({ url }: KafkaBroker, topic: string): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [url.replace('kafka://', '')] })
  await admin.deleteTopics({ topics: [topic] })
  await admin.close()
}
