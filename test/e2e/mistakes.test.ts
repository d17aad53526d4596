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

const services: readonly { name: string; service: Record<string, unknown>; code: string; says: RegExp }[] = [
  {
    name: 'never becomes ready',
    service: { command: `echo I am waiting; sleep 60`, startTimeout: '1s' },
    code: 'TF_SERVICE_NOT_READY',
    says: /web-\d.* was not ready within 1000 ms[^]*I am waiting/,
  },
  {
    name: 'ends at once',
    service: { command: `echo no such table; exit 3` },
    code: 'TF_SERVICE_NOT_READY',
    says: /code 3[^]*no such table/,
  },
  {
    name: 'is not there',
    service: { command: 'no-such-program --serve' },
    code: 'TF_SERVICE_NOT_READY',
    says: /no-such-program/,
  },
]

test.each(services)('a service that $name fails the start, and says why', async ({ service, code, says }) => {
  const on = stage(shop({ services: { web: { ...WEB, startTimeout: '3s', ...service } } }))
  const { err, ...rest } = await on.end(UP)
  expect(rest).toMatchObject({ code: 1, out: '' })
  expect(err).toContain(`[${code}]`)
  expect(err).toMatch(/Next: /)
  expect(err).toMatch(says)
  expect(on.leftovers()).toEqual([])
})

test('a failing migration says file and line, and once corrected the next start goes on', async () => {
  const on = stage({ ...shopWithDatabase(), 'migrations/002-index.sql': '-- names\ncreate index on order (name);' })
  const { code, err } = await on.end(UP)
  expect(code).toBe(1)
  expect(err).toMatch(/002-index\.sql to apply, but in line 2: [^\n]*\[TF_MIGRATION_FAILED\]\n {2}Next: /)
  expect(on.leftovers()).toEqual([])
  on.write({ 'migrations/002-index.sql': 'create index on orders (name);' })
  const up = on.tenfold(UP)
  await up.says(/Ctrl-C stops everything/)
  up.signal('SIGINT')
  expect((await up.ended).code).toBe(0)
})

test('a failing seed keeps nothing, and once corrected the next start runs it', async () => {
  const good = shopWithDatabase()['seed.js']!
  const on = stage({ ...shopWithDatabase(), 'seed.js': good.replace(/\}$/, `throw new Error('out of flour') }`) })
  const { code, err } = await on.end(UP)
  expect(code).toBe(1)
  expect(err).toMatch(/out of flour[^]*\[TF_SEED_FAILED\]/)
  on.write({ 'seed.js': good })
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
  [['up', '--once', '--times', '-1'], /'--times' argument is ambiguous/],
  [['logs', '--service', 'wbe'], /did you mean web\?/],
  [['status', '--json=yes'], /--json/],
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
