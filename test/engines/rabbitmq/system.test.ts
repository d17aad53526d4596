import { afterAll, beforeAll, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { GroupLag } from '../../../src/topics/lag.ts'
import { eventually, snapshotOf, stage } from '../../e2e/stage.ts'
import { expectBilled, filesOf, insideTheCheckout, openOrderSystem } from '../order-system.ts'
import type { RabbitBroker } from './rabbit-broker.ts'
import { HOW_TO_GET, startRabbitBroker } from './rabbit-broker.ts'

/* A whole system with its topic on RabbitMQ. */

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
