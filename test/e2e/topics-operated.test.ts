import { mkdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectControl } from '../../src/control/control-client.ts'
import type { ServiceStatus, SystemSnapshot } from '../../src/control/snapshot.ts'
import type { TopicStatus } from '../../src/control/topic-status.ts'
import type { GroupLetters } from '../../src/runtime/topic-operating.ts'
import type { GroupLag } from '../../src/topics/lag.ts'
import type { StoredEvent } from '../../src/topics/topic-log.ts'
import type { Stage } from './stage.ts'
import { CHECKOUT, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 2 * TEST_TIMEOUT_MS })

/** The biller does one thing at a time, 20 ms each; it can't bill number 13 until somebody has mended it. */
const FILES = {
  'tenfold.config.ts': `import { defineSystem } from 'tenfold'
const system = defineSystem({
  name: 'shop',
  databases: { orders: { migrations: './migrations' } },
  topics: { placed: { key: 'id', partitions: 6 } },
  services: {
    api: { entry: './api.ts', routes: ['/'], databases: ['orders'], publishes: ['placed'] },
    biller: {
      entry: './biller.ts', databases: ['orders'], consumes: ['placed'], instances: { min: 1, max: 3 },
      scale: { metric: 'lag', target: '1s' },
    },
  },
})
export default system
export type System = typeof system
`,
  'migrations/001.sql': `create table bill (id int not null); create table mended (id int not null);`,
  'api.ts': `import { createServer } from 'node:http'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, publishes } = await bind<System, 'api'>()
createServer(async (request, response) => {
  const url = new URL(request.url!, 'http://api')
  if (url.pathname === '/mend') await databases.orders.transaction((tx) => tx.query('insert into mended values (13)'))
  else {
    const [from, count] = [Number(url.searchParams.get('from')), Number(url.searchParams.get('count'))]
    await publishes.placed.publish(Array.from({ length: count }, (_, n) => ({ id: from + n })))
  }
  response.end('ok')
}).listen(Number(process.env.PORT), process.env.HOST)`,
  'biller.ts': `import { setTimeout } from 'node:timers/promises'
import { bind } from 'tenfold/service'
import type { System } from './tenfold.config.ts'
const { databases, consumes } = await bind<System, 'biller'>()
await consumes.placed.each(
  async ({ value }, { transaction }) => {
    const { id } = value as { id: number }
    if (id === 13 && (await transaction.query('select from mended where id = 13')).rowCount === 0) throw new Error('unlucky')
    await setTimeout(20)
    await transaction.query('insert into bill (id) values ($1)', [id])
  },
  { effects: databases.orders, concurrency: 1, retry: { attempts: 2, pause: '10ms' } },
)`,
}

/** Where `tenfold` is found. */
function insideTheCheckout(): string {
  const directory = join(CHECKOUT, `.bench/e2e-operated-${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  return directory
}

test('a lag scales a service out and in again, and what it could not handle is shown and tried again', async () => {
  const on = stage(FILES, { directory: insideTheCheckout() })
  const up = await on.end(['up', '--port', '0', '--detach', '--time-scale', '60', '--json'])
  expect(up, up.err).toMatchObject({ code: 0 })
  const url = (JSON.parse(up.out) as SystemSnapshot).gateway.url!
  const publish = async (from: number, count: number): Promise<void> =>
    expect((await fetch(`${url}/?from=${from}&count=${count}`)).ok).toBe(true)
  const biller = async (): Promise<ServiceStatus> => (await snapshotOf(on))!.services['biller']!
  const placed = async (): Promise<TopicStatus | undefined> => (await snapshotOf(on))!.topics?.['placed']

  await eventually('the biller to be shown', async () => (await placed())?.groups[0]?.group === 'biller')
  await publish(0, 900)

  await eventually('three to be wanted', async () => (await biller()).desired === 3)
  // An instance does 50 a second at most; so 1 s of lag is 50 events.
  expect((await biller()).scaling?.lastChange?.reason).toMatch(
    /^lag [\d.]+ s, target 1 s: wanted \d+, capped at 3 by instances.max$/,
  )
  await eventually('people to be told', async () =>
    /placed +topic +ready +biller is \d+ behind/.test((await on.end(['status'])).out),
  )

  await eventually('nothing to wait', async () => (await placed())?.groups[0]?.messages === 0)

  await eventually('one to be left', async () => (await biller()).instances.length === 1)
  const recorded = JSON.parse(await readFile(join(on.state(), 'capacities.json'), 'utf8'))
  const { messages, busySeconds } = recorded.services.biller['topic/placed']
  expect(messages / busySeconds).toBeGreaterThan(10)
  expect(messages / busySeconds).toBeLessThan(51)

  await operate(on)

  const { startedEpochMs } = (await snapshotOf(on))!
  const series = await connectControl(on.state()).series({
    name: 'messaging.process.duration',
    labels: { topic: 'placed' },
    fromEpochMs: startedEpochMs,
    toEpochMs: startedEpochMs + 600_000,
    by: ['outcome'],
  })
  expect(series.map(({ labels }) => labels['outcome']).toSorted()).toEqual(['done', 'failed'])
  expect((await on.end(['down'])).code).toBe(0)
})

/** Everything that `tenfold topics` can do. */
async function operate(on: Stage): Promise<void> {
  const json = async <Result>(...args: string[]): Promise<readonly Result[]> => {
    const { code, out, err } = await on.end(['topics', ...args, '--json'])
    expect(code, `${out}${err}`).toBe(0)
    return JSON.parse(out) as readonly Result[]
  }
  expect(await json('list')).toMatchObject([{ name: 'placed', partitions: 6, groups: [{ group: 'biller' }] }])
  expect((await on.end(['topics'])).out).toMatch(/placed +6 +biller +0/)
  expect((await json<GroupLag>('lag', 'placed'))[0]!.partitions).toHaveLength(6)
  const newest = await json<StoredEvent>('peek', 'placed', '--max', '3')
  expect(newest).toHaveLength(3)
  expect(JSON.parse(newest[0]!.payload).id).toBeGreaterThan(500)

  const { letters } = (await json<GroupLetters>('dead', 'placed'))[0]!
  expect(letters).toMatchObject([{ state: 'dead', attempts: 2, cause: 'unlucky', payload: '{"id":13}' }])
  expect((await on.end(['topics', 'dead', 'placed'])).out).toContain('tried 2 times')
  expect((await on.end(['status'])).out).toContain('biller has 1 dead letter')

  const { messageId } = letters[0]!
  expect((await on.end(['topics', 'redrive', 'placed', messageId])).out).toContain('biller tries 1 letter')
  await eventually(
    'it to fail again',
    async () => (await json<GroupLetters>('dead', 'placed'))[0]!.letters[0]!.attempts === 4,
  )
  const { gateway } = (await snapshotOf(on))!
  expect((await fetch(`${gateway.url}/mend`)).ok).toBe(true)
  expect(await on.end(['topics', 'redrive', 'placed'])).toMatchObject({ code: 2 })
  expect((await on.end(['topics', 'redrive', 'placed', messageId])).out).toContain('biller tries 1 letter')

  await eventually('the letter to be handled', async () => (await json('dead', 'placed')).length === 0)

  expect(await on.end(['topics', 'replay', 'placed', '--from', 'beginning'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--yes'),
  })
  expect((await on.end(['topics', 'replay', 'placed', '--from', 'beginning', '--yes'])).out).toContain(
    'biller goes on from',
  )

  await eventually('it to read again', async () => (await json<GroupLag>('lag', 'placed'))[0]!.messages > 0)

  for (const [args, message] of [
    [['topics', 'lagg'], 'did you mean lag?'],
    [['topics', 'peek', 'place'], 'did you mean placed?'],
    [['topics', 'drop-group', 'placed', '--group', 'biller'], '--yes'],
    [['topics', 'drop-group', 'placed', '--group', 'biller', '--yes'], 'TF_GROUP_BUSY'],
    [['topics', 'dead', 'placed', '--group', 'biler'], 'did you mean biller?'],
  ] as const) {
    const { code, err } = await on.end(args)
    expect(code).not.toBe(0)
    expect(err).toContain(message)
  }
  const audit = await readFile(join(on.state(), 'audit.log'), 'utf8')
  expect(audit).toMatch(/"command":"topic-replay".*"to":"beginning"/)
}
