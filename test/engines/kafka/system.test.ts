import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GroupLag } from '../../../src/topics/lag.ts'
import type { Stage } from '../../e2e/stage.ts'
import { eventually, snapshotOf, stage } from '../../e2e/stage.ts'
import type { OrderSystem } from '../order-system.ts'
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
    await eventually('the snapshot to show it', async () => {
      const { database, groups, outboxes } = (await snapshotOf(on))!.topics!['placed']!
      return database === 'events' && groups.length === 1 && groups[0]!.messages === 0 && outboxes.length === 0
    })
    // Addresses are for services only.
    const state = JSON.stringify(await snapshotOf(on))
    expect(state).not.toContain(broker.url)
    expect(readFileSync(join(on.state(), 'audit.log'), 'utf8')).not.toContain(broker.url)
    expect(await on.end(['topics', 'peek', 'placed'])).toMatchObject({ code: 1, err: expect.stringContaining('Kafka') })
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    ran++
  },
)

function open(topic: string, on: Stage): Promise<OrderSystem> {
  return openOrderSystem(topic, on, { KAFKA_URL: broker!.url })
}

/** A system with the topic in PostgreSQL, under load, that has been told of Kafka since. */
async function moving(topic: string, on: Stage): Promise<{ shop: OrderSystem; load: ReturnType<OrderSystem['load']> }> {
  const shop = await open(topic, on)
  expect(await on.end(['topics', 'move', topic])).toMatchObject({
    code: 2,
    err: expect.stringContaining("engine: 'kafka'"),
  })
  const load = shop.load()
  await eventually('orders to be placed', () => load.count() > 60)
  on.write({ 'tenfold.config.ts': filesOf(topic, ENGINE)['tenfold.config.ts']! })
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
    const on = stage(filesOf(topic, ''), { directory: insideTheCheckout(`kafka ${topic}`) })
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
    on.write(filesOf(topic, ''))
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
    const on = stage(filesOf(topic, ''), { directory: insideTheCheckout(`kafka ${topic}`) })
    const { shop, load } = await moving(topic, on)
    const seen = load.count()
    await eventually('orders while it moves', () => load.count() > seen + 60)
    expect(await shop.move('--back', '--yes')).toMatchObject({ move: 'returned' })
    on.write(filesOf(topic, ''))
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
