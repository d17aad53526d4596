import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { blueprint, LOAD, shop, shopWithDatabase, WEB } from './shop.ts'
import { stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const UP = ['up', '--port', '0']

/** A start that is interrupted in each of its phases: what it says then, and what makes it stay there. */
const phases: readonly { name: string; says: RegExp; files: Record<string, string> }[] = [
  { name: 'while it loads the blueprint', says: /loading/, files: { ...shop(), ...slowBlueprint() } },
  { name: 'while PostgreSQL makes its data', says: /making the data directory/, files: shopWithDatabase() },
  {
    name: 'during a migration',
    says: /orders: migrating/,
    files: { ...shopWithDatabase(), 'migrations/001-orders.sql': 'select pg_sleep(60);' },
  },
  {
    name: 'during a seed',
    says: /orders: seeding \(waiting\)/,
    files: {
      ...shopWithDatabase(),
      'seed.js': `export async function seed({ execute, progress }) { progress('waiting'); await execute('select pg_sleep(60)') }`,
    },
  },
  {
    name: 'while a service is starting',
    says: /web: 0 of 2 ready/,
    files: shop({ services: { web: { ...WEB, command: 'sleep 60' } } }),
  },
]

describe.each(phases)('Ctrl-C $name', ({ says, files }) => {
  test('ends the start within seconds and leaves nothing', async () => {
    const on = stage(files)
    const up = on.tenfold(UP)
    await up.says(says)
    up.signal('SIGINT')
    const pressedMs = systemClock.nowMs()
    const { code, signal, out } = await up.ended
    expect({ code, signal, out }).toEqual({ code: 130, signal: null, out: '' })
    expect(on.leftovers()).toEqual([])
    expect(systemClock.nowMs() - pressedMs).toBeLessThan(20_000)
  })
})

test('the next start goes on where an interrupted one was', async () => {
  const on = stage({ ...shopWithDatabase(), 'migrations/002-index.sql': 'select pg_sleep(60);' })
  const first = on.tenfold(UP)
  await first.says(/002-index.sql/)
  first.signal('SIGINT')
  await first.ended
  on.write({ 'migrations/002-index.sql': 'create index orders_name on orders (name);' })
  const second = on.tenfold(UP)
  await second.says(/Ctrl-C stops everything/)
  second.signal('SIGINT')
  expect((await second.ended).code).toBe(0)
})

test('Ctrl-C during a rehearsal ends it, and the system goes on', async () => {
  const on = stage(shop({ ...LOAD, load: { ...LOAD.load, duration: '60s' } }))
  expect((await on.end([...UP, '--detach'])).code).toBe(0)
  const rehearse = on.tenfold(['rehearse'])
  await rehearse.says(/rehearsing/)
  rehearse.signal('SIGINT')
  expect((await rehearse.ended).code).toBe(130)
  const { out } = await on.end(['status', '--json'])
  expect(JSON.parse(out)).toMatchObject({ phase: 'running', rehearsal: { state: 'aborted' } })
  expect((await on.end(['down'])).code).toBe(0)
})

test('Ctrl-C during the rehearsal of up --once takes everything down', async () => {
  const on = stage(shop({ ...LOAD, load: { ...LOAD.load, duration: '60s' } }))
  const up = on.tenfold([...UP, '--once'])
  await up.says(/rehearsing/)
  up.signal('SIGINT')
  expect((await up.ended).code).toBe(130)
  expect(on.leftovers()).toEqual([])
})

test('a second Ctrl-C does not wait for whoever does not want to leave, and leaves nothing all the same', async () => {
  const stubborn = { ...WEB, stopTimeout: '60s' }
  const on = stage({
    ...shop({ services: { web: stubborn } }),
    'server.js': `
      import { createServer } from 'node:http'
      createServer((request, response) => response.end()).listen(process.env.PORT, process.env.HOST)
      process.on('SIGTERM', () => console.log('no'))
    `,
  })
  const up = on.tenfold(UP)
  await up.says(/Ctrl-C stops everything/)
  up.signal('SIGINT')
  // One wish that arrives twice is not two.
  up.signal('SIGINT')
  await sleep(1_500)
  expect(on.leftovers().length).toBeGreaterThan(0)
  up.signal('SIGINT')
  expect((await up.ended).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})

test('a detached start that is interrupted leaves nothing', async () => {
  const on = stage(shop({ services: { web: { ...WEB, command: 'sleep 60' } } }))
  const up = on.tenfold([...UP, '--detach'])
  await up.says(/web: 0 of 2 ready/)
  up.signal('SIGINT')
  expect((await up.ended).code).toBe(130)
  expect(on.leftovers()).toEqual([])
  expect(existsSync(`${on.state()}/run.json`)).toBe(false)
})

// SIGTERM does so in start-and-stop.test.ts.
test('SIGHUP ends in order, as Ctrl-C does', async () => {
  const on = stage(shop())
  const up = on.tenfold(UP)
  await up.says(/Ctrl-C stops everything/)
  up.signal('SIGHUP')
  expect(await up.ended).toMatchObject({ code: 0, signal: null })
  expect(on.leftovers()).toEqual([])
})

/** A blueprint that takes its time, as one with large imports does. */
function slowBlueprint(): Record<string, string> {
  const { 'tenfold.config.ts': text = '' } = blueprint()
  return {
    'tenfold.config.ts': `console.error('loading'); await new Promise((resolve) => setTimeout(resolve, 30_000))\n${text}`,
  }
}
