import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { blueprint, shop, shopWithDatabase, WEB } from './shop.ts'
import { stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const UP = ['up', '--port', '0']

async function takenPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

test('refuses a port that was asked for and is taken, naming who has it', async () => {
  const port = await takenPort()
  const on = stage(shop())
  expect(await on.end(['up', '--port', String(port)])).toMatchObject({
    code: 1,
    err: expect.stringMatching(new RegExp(`${port}.*\\[TF_PORT_TAKEN\\]\\n {2}Next: `)),
  })
  expect(on.leftovers()).toEqual([])
})

// Programs that end at once, or never listen: instance-faults.test.ts.
test('a program that is not there fails the start, and says so', async () => {
  const on = stage(shop({ services: { web: { ...WEB, startTimeout: '3s', command: 'no-such-program --serve' } } }))
  const { err, ...rest } = await on.end(UP)
  expect(rest).toMatchObject({ code: 1, out: '' })
  expect(err).toMatch(/no-such-program[^]*\[TF_SERVICE_NOT_READY\]\n {2}Next: /)
  expect(on.leftovers()).toEqual([])
})

test('failing migrations and seeds keep nothing and say where, and once corrected the next start goes on', async () => {
  const seed = shopWithDatabase()['seed.js']!
  const on = stage({
    ...shopWithDatabase(),
    'migrations/002-index.sql': '-- names\ncreate index on order (name);',
    'seed.js': seed.replace(/\}$/, `throw new Error('out of flour') }`),
  })
  const migration = await on.end(UP)
  expect(migration.code).toBe(1)
  expect(migration.err).toMatch(/002-index\.sql to apply, but in line 2: [^\n]*\[TF_MIGRATION_FAILED\]\n {2}Next: /)
  expect(on.leftovers()).toEqual([])
  on.write({ 'migrations/002-index.sql': 'create index on orders (name);' })
  const seeding = await on.end(UP)
  expect(seeding.code).toBe(1)
  expect(seeding.err).toMatch(/out of flour[^]*\[TF_SEED_FAILED\]/)
  expect(on.leftovers()).toEqual([])
  on.write({ 'seed.js': seed })
  const up = on.tenfold(UP)
  await up.says(/Ctrl-C stops everything/)
  up.signal('SIGINT')
  expect((await up.ended).code).toBe(0)
})

test('a detached start that fails says what was said, and leaves nothing', async () => {
  const on = stage(shop({ services: { web: { ...WEB, command: 'echo no flour; exit 3' } } }))
  const { code, err, out } = await on.end([...UP, '--detach', '--json'])
  expect(code).toBe(1)
  expect(err).toContain('[TF_DETACHED_START_FAILED]')
  expect(err).toContain('no flour')
  expect(JSON.parse(out)).toMatchObject({ error: { code: 'TF_DETACHED_START_FAILED' } })
  expect(on.leftovers()).toEqual([])
})

test('a blueprint that was edited between two starts is the one that runs', async () => {
  const on = stage(shop())
  expect((await on.end([...UP, '--detach'])).code).toBe(0)
  on.write(blueprint({ services: { web: WEB, other: { ...WEB, routes: ['/other'], instances: { min: 1 } } } }))
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  const { out } = await on.end([...UP, '--detach', '--json'])
  expect(JSON.parse(out)).toMatchObject({ services: { other: { desired: 1 } } })
  on.write({ 'tenfold.config.ts': 'export default { name: ' })
  const broken = await on.end(['status'])
  expect(broken).toMatchObject({ code: 1, err: expect.stringContaining('[TF_BLUEPRINT_UNLOADABLE]') })
  on.write(blueprint())
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
})

const wrong: readonly [args: string[], says: RegExp][] = [
  [['upp'], /did you mean up\?/],
  [['up', '--port', ''], /expected --port/],
  [['logs', '--service', 'wbe'], /did you mean web\?/],
]

test.each(wrong)('%j is a wrong command line: exit 2, nothing on stdout, a next step', async (args, says) => {
  const on = stage(
    shop({ load: { peak: '1 sessions/s', scenarios: [{ name: 's', steps: [{ name: 'get', path: '/' }] }] } }),
  )
  const { code, out, err } = await on.end(args)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toMatch(says)
  expect(err).toMatch(/\[TF_USAGE\]\n {2}Next: /)
  expect(err).not.toMatch(/\bat .*:\d+:\d+/)
})
