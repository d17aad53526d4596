import { expect, test, vi } from 'vitest'
import { load } from './load.ts'
import { blueprint, shop, shopWithDatabase, WEB } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

async function running(files: Readonly<Record<string, string>>): Promise<{ on: Stage; url: string }> {
  const on = stage(files)
  const started = await on.end(['up', '--detach', '--json', '--port', '0'])
  expect(started).toMatchObject({ code: 0 })
  return { on, url: (JSON.parse(started.out) as { gateway: { url: string } }).gateway.url }
}

test('applies edits of blueprint, sources and migrations under load without a failed request', async () => {
  const { on, url } = await running(shopWithDatabase())
  const before = (await snapshotOf(on))?.services['web']
  const clients = load(url)
  const databases = { orders: { migrations: './migrations', seed: './seed.js' }, reports: {} }
  on.write({
    'migrations/003-price.sql': 'alter table orders add price int;',
    ...blueprint({
      databases,
      services: {
        web: { ...WEB, databases: ['orders', 'reports'], env: { TEXT: 'edited' }, instances: { min: 3 } },
        admin: { command: 'node server.js', routes: ['/admin'], env: { TEXT: 'admin' } },
      },
    }),
  })
  const dry = await on.end(['apply', '--dry-run'])
  expect(dry.out).toMatch(/\+ databases\.reports\s+live .*\n[^]*\+ services\.admin[^]*003-price\.sql/)
  expect((await snapshotOf(on))?.services['admin']).toBeUndefined()
  const applied = await on.end(['apply', '--json'])
  expect(applied).toMatchObject({ code: 0 })
  expect(JSON.parse(applied.out)).toMatchObject({ applied: true })
  const { answers, failures } = await clients.stop()
  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(50)
  expect(await ask(url)).toMatchObject({ text: 'edited' })
  expect(await ask(url, '/admin')).toMatchObject({ text: 'admin' })
  expect(Object.keys((await ask<{ databases: object }>(url, '/bindings')).databases)).toEqual(['orders', 'reports'])
  const after = await snapshotOf(on)
  expect(after?.services['web']?.instances.filter(({ state }) => state === 'ready')).toHaveLength(3)
  expect(after?.services['web']?.release).not.toBe(before?.release)
  expect(await on.end(['apply'])).toMatchObject({ code: 0, out: expect.stringContaining('nothing to apply') })

  // And back: what is gone leaves, its data stays.
  on.write(shopWithDatabase())
  const back = load(url)
  expect(await on.end(['apply'])).toMatchObject({ code: 0, out: expect.stringContaining('Applied.') })
  expect((await back.stop()).failures).toEqual([])
  const last = await snapshotOf(on)
  expect(Object.keys(last!.services)).toEqual(['web'])
  expect(Object.keys(last!.databases)).toEqual(['orders'])
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(on.leftovers()).toEqual([])
})

test('goes back when new instances do not become ready, does one apply after the other, and says mistakes', async () => {
  const { on, url } = await running(shop())
  const clients = load(url)
  on.write({ 'server.js': 'import "./nothing.js"' })
  const failed = await on.end(['apply'])
  expect(failed).toMatchObject({ code: 1 })
  expect(failed.err).toMatch(/rolled back: [^]*nothing\.js[^]*\[TF_ROLLOUT_FAILED\]/)
  expect((await clients.stop()).failures).toEqual([])
  expect(await snapshotOf(on)).toMatchObject({ phase: 'running' })
  on.write({ ...shop(), ...blueprint({ services: { web: { ...WEB, env: { TEXT: 'once' } } } }) })
  const both = await Promise.all([on.end(['apply']), on.end(['apply'])])
  expect(both.map(({ code }) => code)).toEqual([0, 0])
  expect(await ask(url)).toMatchObject({ text: 'once' })
  expect((await snapshotOf(on))?.phase).toBe('running')

  on.write({ 'tenfold.config.ts': 'export default {' })
  expect(await on.end(['apply'])).toMatchObject({ code: 1, err: expect.stringContaining('TF_BLUEPRINT_UNLOADABLE') })
  on.write(shop())
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(await on.end(['apply'])).toMatchObject({ code: 1, err: expect.stringContaining('TF_NOT_RUNNING') })
})

test('refuses what would leave data behind, and does nothing of the rest', async () => {
  const { on } = await running(shopWithDatabase())
  const before = await snapshotOf(on)
  on.write(
    blueprint({
      databases: { orders: { migrations: './migrations', url: { env: 'ORDERS_URL' } } },
      services: { web: { ...WEB, instances: { min: 4 }, databases: ['orders'] } },
    }),
  )
  const refused = await on.end(['apply'])
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.err).toMatch(/databases\.orders\.engine[^]*npx tenfold down && npx tenfold up[^]*TF_APPLY_REFUSED/)
  expect((await snapshotOf(on))?.services['web']).toEqual(before?.services['web'])
  on.write({ ...shopWithDatabase(), 'migrations/001-orders.sql': 'select 1;' })
  expect((await on.end(['apply'])).err).toMatch(/to be as it was when it was applied[^]*TF_APPLY_REFUSED/)
})
