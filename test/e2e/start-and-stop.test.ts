import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { LOAD, shop, shopWithDatabase } from './shop.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const ANY_PORT = ['--port', '0']

test('starts a system, answers through the gateway, and leaves nothing running after Ctrl-C', async () => {
  const on = stage(shop())
  const up = on.tenfold(['up', ...ANY_PORT])
  await up.says(/Ctrl-C stops everything/)
  expect(await ask(urlIn(up.out()))).toMatchObject({ instance: expect.stringMatching(/^web-[12]$/) })
  up.signal('SIGINT')
  expect(await up.ended).toMatchObject({ code: 0, signal: null })
  expect(on.leftovers()).toEqual([])
})

test('finds the data of an earlier start, and applies what is new', async () => {
  const on = stage(shopWithDatabase())
  expect(await on.end(['up', '--detach', ...ANY_PORT])).toMatchObject({ code: 0 })
  expect((await snapshotOf(on))?.databases['orders']).toMatchObject({ state: 'ready' })
  expect(await on.end(['down'])).toMatchObject({ code: 0, out: 'shop has stopped.\n' })
  expect(on.leftovers()).toEqual([])
  on.write({ 'migrations/003-price.sql': 'alter table orders add price int not null default 1;' })
  const up = on.tenfold(['up', ...ANY_PORT])
  await up.says(/Ctrl-C stops everything/)
  expect(up.err()).not.toContain('001-orders.sql')
  expect(up.err()).toContain('003-price.sql')
  // It ends in order, as with Ctrl-C.
  up.signal('SIGTERM')
  expect(await up.ended).toMatchObject({ code: 0, signal: null })
  expect(on.leftovers()).toEqual([])
})

test('leaves a detached system running, and stops it with down, which is idempotent', async () => {
  const on = stage(shop())
  const started = await on.end(['up', '--detach', '--json', ...ANY_PORT])
  expect(started.code).toBe(0)
  const { phase, gateway } = JSON.parse(started.out) as { phase: string; gateway: { url: string } }
  expect(phase).toBe('running')
  expect(await ask(gateway.url)).toMatchObject({ pid: expect.any(Number) })
  expect(await on.end(['down', '--json'])).toMatchObject({ code: 0, out: '{"stopped":true,"leftovers":0}\n' })
  // Not only stopped: gone, so that the next start finds the state free.
  expect(on.leftovers()).toEqual([])
  expect(await on.end(['up', '--detach', ...ANY_PORT])).toMatchObject({ code: 0 })
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(await on.end(['down'])).toMatchObject({ code: 0, out: 'shop does not run.\n' })
})

test('refuses a second copy, leaves the first alone, and ends it when it is stopped from elsewhere', async () => {
  const on = stage(shop())
  const up = on.tenfold(['up', ...ANY_PORT])
  await up.says(/Ctrl-C stops everything/)
  for (const args of [['up'], ['up', '--detach']]) {
    expect(await on.end([...args, ...ANY_PORT])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/process \d+ .*\[TF_ALREADY_RUNNING\]\n {2}Next: "tenfold status"/),
    })
  }
  expect((await snapshotOf(on))?.phase).toBe('running')
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(await up.ended).toMatchObject({ code: 0 })
  expect(on.leftovers()).toEqual([])
})

test('says that nothing runs', async () => {
  const on = stage(shop(LOAD))
  for (const command of ['status', 'logs', 'rehearse']) {
    expect(await on.end([command])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/\[TF_NOT_RUNNING\]\n {2}Next: start it with "tenfold up"/),
    })
  }
  expect(await on.end(['down'])).toMatchObject({ code: 0, out: 'shop does not run.\n' })
  expect(existsSync(on.state())).toBe(false)
})

test('two systems run side by side', async () => {
  const one = stage(shop())
  const two = stage(shop())
  const ups = [one, two].map((on) => on.tenfold(['up']))
  for (const up of ups) await up.says(/Ctrl-C stops everything/)
  const [first, second] = await Promise.all(ups.map((up) => ask(urlIn(up.out()))))
  expect(first?.['pid']).not.toBe(second?.['pid'])
  ups[0]!.signal('SIGINT')
  await ups[0]!.ended
  expect(one.leftovers()).toEqual([])
  expect(await ask(urlIn(ups[1]!.out()))).toMatchObject({ instance: expect.any(String) })
  ups[1]!.signal('SIGINT')
  await ups[1]!.ended
  await eventually('nothing to run', () => two.leftovers().length === 0)
})
