import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import type { DeadItem } from '../../src/queues/dead-items.ts'
import { CHECKOUT, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 2 * TEST_TIMEOUT_MS })

/** The mailer can't send number 3 until somebody has mended it; two at once, 20 ms each. */
const FILES = {
  'tenfold.config.ts': `import { defineSystem } from 'tenfold'
const system = defineSystem({
  name: 'shop',
  databases: { orders: { migrations: './migrations' } },
  queues: { mails: {} },
  services: {
    api: { entry: './api.ts', routes: ['/'], databases: ['orders'], enqueues: ['mails'] },
    mailer: {
      entry: './mailer.ts', databases: ['orders'], works: ['mails'], instances: { min: 1, max: 2 },
      scale: { metric: 'lag', target: '1s' },
    },
  },
})
export default system
export type System = typeof system
`,
  'migrations/001.sql': 'create table sent (id int not null); create table mended (id int not null);',
  'api.ts': `import { createServer } from 'node:http'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, enqueues } = await bind<System, 'api'>()
createServer(async (request, response) => {
  const count = Number(request.url!.slice(1))
  if (request.url === '/mend') await databases.orders.transaction((tx) => tx.query('insert into mended values (3)'))
  else await enqueues.mails.enqueueMany(Array.from({ length: count }, (_, id) => ({ item: { id } })))
  response.end('ok')
}).listen(Number(process.env.PORT), process.env.HOST)`,
  'mailer.ts': `import { setTimeout } from 'node:timers/promises'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, works } = await bind<System, 'mailer'>()
await works.mails.each(
  async ({ value }, { transaction }) => {
    const { id } = value as { id: number }
    if (id === 3 && (await transaction.query('select from mended')).rowCount === 0) throw new Error('unlucky')
    await setTimeout(20)
    await transaction.query('insert into sent values ($1)', [id])
  },
  { effects: databases.orders, concurrency: 2, retry: { attempts: 2, pause: '10ms' } },
)`,
}

/** Where `tenfold` is found. */
function insideTheCheckout(): string {
  const directory = join(CHECKOUT, `.bench/e2e-queues-operated-${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  return directory
}

test('what waits in a queue scales its workers, and what nobody could do is shown and tried again', async () => {
  const on = stage(FILES, { directory: insideTheCheckout() })
  const up = await on.end(['up', '--port', '0', '--detach', '--time-scale', '60', '--json'])
  expect(up, up.err).toMatchObject({ code: 0 })
  const url = (JSON.parse(up.out) as SystemSnapshot).gateway.url!
  expect((await fetch(`${url}/800`)).ok).toBe(true)
  await eventually('two mailers to be wanted', async () => (await snapshotOf(on))!.services['mailer']!.desired === 2)
  expect((await on.end(['queues', 'peek', 'mails'])).out).toMatch(/^(runs|waits) since .*\n {2}\{"id":\d+\}\n/)
  expect((await snapshotOf(on))!.services['mailer']!.scaling?.lastChange?.reason).toMatch(/^lag [\d.]+ s, target 1 s/)

  const mails = async () => (await snapshotOf(on))!.queues?.['mails']
  await eventually('one item to be left', async () => {
    const queue = await mails()
    return queue?.waiting === 0 && queue.running === 0 && queue.deadItems === 1
  })
  expect((await on.end(['status'])).out).toMatch(/mails +queue +ready +1 dead item/)
  expect((await on.end(['queues'])).out).toMatch(/mails +0/)
  expect((await on.end(['queues', 'lag', 'mails'])).out).toMatch(/mails +0/)
  expect(await on.end(['queues', 'replay', 'mails'])).toMatchObject({ code: 2 })
  const dead = await on.end(['queues', 'dead', 'mails', '--json'])
  const [item] = JSON.parse(dead.out) as readonly DeadItem[]
  expect(item).toMatchObject({ attempts: 2, cause: 'unlucky', payload: '{"id":3}' })
  expect((await on.end(['queues', 'dead', 'mails'])).out).toContain('tried 2 times')

  expect(await on.end(['queues', 'redrive', 'mails'])).toMatchObject({ code: 2 })
  expect((await on.end(['queues', 'dead', 'mail'])).err).toContain('did you mean mails?')
  expect((await fetch(`${url}/mend`)).ok).toBe(true)
  expect((await on.end(['queues', 'redrive', 'mails', item!.itemId])).out).toContain('1 item of mails')
  await eventually('nothing to be dead', async () => (await mails())?.deadItems === 0)
  expect((await on.end(['down'])).code).toBe(0)
})
