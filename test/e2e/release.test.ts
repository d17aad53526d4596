import { expect, test, vi } from 'vitest'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { load } from './load.ts'
import { blueprint, shop, WEB } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const SERVER = shop()['server.js']!
/** The server of the shop, of which every release says its name. */
const serverOf = (name: string): string =>
  `const RELEASE = ${JSON.stringify(name)}\n${SERVER.replace('JSON.stringify({', 'JSON.stringify({ release: RELEASE, zone: process.env.TENFOLD_ZONE,')}`

const TWO = blueprint({
  services: {
    web: { ...WEB, instances: { min: 2, zones: ['a', 'b'] } },
    admin: { command: 'node server.js', routes: ['/admin'] },
  },
})

async function running(files: Readonly<Record<string, string>>): Promise<{ on: Stage; url: string }> {
  const on = stage(files)
  const started = await on.end(['up', '--detach', '--json', '--port', '0'])
  expect(started).toMatchObject({ code: 0 })
  return { on, url: (JSON.parse(started.out) as SystemSnapshot).gateway.url! }
}

const releaseOf = async (on: Stage, service = 'web'): Promise<string> =>
  (await snapshotOf(on))!.services[service]!.release!

test('releases sources to the services that are named, goes back and further back, without a failed request', async () => {
  const { on, url } = await running({ ...shop(), ...TWO, 'server.js': serverOf('first') })
  const first = await releaseOf(on)
  expect(await ask(url)).toMatchObject({ zone: expect.stringMatching(/^[ab]$/) })
  const zones = async (): Promise<readonly unknown[]> =>
    (await snapshotOf(on))!.services['web']!.instances.map(({ zone }) => zone).toSorted()
  expect(await zones()).toEqual(['a', 'b'])
  const clients = load(url)
  on.write({ 'server.js': serverOf('second') })
  const released = await on.end(['release', 'web', '--json'])
  expect(released).toMatchObject({ code: 0 })
  const { services } = JSON.parse(released.out) as { services: { service: string; release: string; before: string }[] }
  expect(services).toEqual([{ service: 'web', before: first, release: await releaseOf(on) }])
  const second = services[0]!.release
  expect(await zones()).toEqual(['a', 'b'])
  expect([await ask(url), await ask(url, '/admin')]).toMatchObject([{ release: 'second' }, { release: 'first' }])

  on.write({ 'server.js': serverOf('third') })
  expect(await on.end(['release'])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/web: .* → .*\n.*admin: .* → /s),
  })
  expect(await on.end(['release'])).toMatchObject({ code: 0, out: expect.stringContaining('Nothing to release') })
  expect([await ask(url), await ask(url, '/admin')]).toMatchObject([{ release: 'third' }, { release: 'third' }])

  // Both went together, so both go back; each to what it ran.
  expect(await on.end(['rollback'])).toMatchObject({ code: 0, err: expect.any(String) })
  expect([await ask(url), await ask(url, '/admin')]).toMatchObject([{ release: 'second' }, { release: 'first' }])
  expect(await on.end(['rollback'])).toMatchObject({ code: 0 })
  expect(await ask(url)).toMatchObject({ release: 'first' })
  expect(await releaseOf(on)).toBe(first)
  const nothing = await on.end(['rollback'])
  expect(nothing).toMatchObject({ code: 1, err: expect.stringContaining('TF_RELEASE_UNKNOWN') })
  expect(await on.end(['rollback', 'web', '--to', second.slice(0, 6)])).toMatchObject({ code: 0 })
  expect(await ask(url)).toMatchObject({ release: 'second' })
  const { answers, failures } = await clients.stop()
  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(100)
  const list = await on.end(['release', '--list'])
  expect(list.out).toMatch(new RegExp(`web +${second.slice(0, 8)} .* rollback +runs`))
  expect(list.out).toMatch(/rolled-back +tenfold rollback/)

  // The history outlives the system, and a start says when it takes what was rolled back.
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(await on.end(['up', '--detach', '--port', '0'])).toMatchObject({ code: 0 })
  const after = (await snapshotOf(on))!
  expect(after.notices.map(({ message }) => message).join('\n')).toMatch(
    /admin goes on with release \w+: release \w+, which the sources are, was rolled back: tenfold rollback/,
  )
  expect(await ask(after.gateway.url!, '/admin')).toMatchObject({ release: 'first' })
  expect(after.services['web']!.releases!.length).toBeGreaterThan(3)
})

test('goes back by itself when new instances crash, and refuses a second release meanwhile', async () => {
  const { on, url } = await running({ ...shop(), 'server.js': serverOf('good') })
  const good = await releaseOf(on)
  const clients = load(url)
  on.write({ 'server.js': 'setInterval(() => {}, 1_000)' })
  const slow = on.tenfold(['release'])
  await eventually('an instance to start', async () =>
    (await snapshotOf(on))!.services['web']!.instances.some(({ state }) => state === 'starting'),
  )
  const refused = await on.end(['release'])
  expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/TF_RELEASE_UNDER_WAY[^]*tenfold rollback/) })
  const ended = await on.end(['rollback'])
  expect(ended).toMatchObject({ code: 0, out: expect.stringContaining('has been ended') })
  expect(await slow.ended).toMatchObject({ code: 1, err: expect.stringContaining('"tenfold rollback" ended it') })

  on.write({ 'server.js': 'console.error("no menu"); process.exit(3)' })
  const failed = await on.end(['release'])
  expect(failed).toMatchObject({ code: 1, err: expect.stringMatching(/rolled back: [^]*no menu[^]*TF_ROLLOUT_FAILED/) })
  expect((await clients.stop()).failures).toEqual([])
  expect(await releaseOf(on)).toBe(good)
  expect((await on.end(['release', '--list'])).out).toMatch(/rolled-back .*exited with code 3/)
})

test('a canary gets its share, and all is rolled back when it burns, with the reason', async () => {
  const on0 = { ...shop(), ...blueprint({ objectives: { web: { availability: 0.99 } } }) }
  const { on, url } = await running({ ...on0, 'server.js': serverOf('good') })
  const good = await releaseOf(on)
  const pids = async (): Promise<readonly unknown[]> =>
    (await snapshotOf(on))!.services['web']!.instances.map(({ id, pid }) => ({ id, pid }))
  const before = await pids()
  // It answers, but not well: one in three fails, never five in a row.
  const bad = serverOf('bad').replace(
    'const url =',
    'if (Math.random() < 0.3) return void response.writeHead(500).end()\n  const url =',
  )
  on.write({ 'server.js': bad })
  const clients = load(url)
  const releasing = on.tenfold(['release', '--canary', '20%', '--hold', '10m'])
  await releasing.says(/canary \w{8} has 20 %/)
  const burnt = await releasing.ended
  expect(burnt).toMatchObject({ code: 1 })
  expect(burnt.err).toMatch(/rolled back: (\d+ of \d+ requests failed, the objective allows 1 %|web-\d .* took it out)/)
  const { answers, failures } = await clients.stop()
  expect(failures.length / (answers + failures.length)).toBeLessThan(0.12)
  expect(await releaseOf(on)).toBe(good)
  // Nothing but the canary has come and gone.
  await eventually('the canary to leave', async () => (await pids()).length === 2)
  expect(await pids()).toEqual(before)
  const after = (await snapshotOf(on))!
  expect(after.notices.at(-1)?.message).toMatch(/of web was rolled back/)
  expect((await on.end(['release', '--list'])).out).toMatch(/rolled-back/)

  on.write({ 'server.js': serverOf('better') })
  const well = load(url)
  const passed = await on.end(['release', '--canary', '50%', '--hold', '4s', '--watch', '4s'])
  expect(passed).toMatchObject({ code: 0, out: expect.stringMatching(/web: \w+ → \w+/) })
  expect((await well.stop()).failures).toEqual([])
  expect(await ask(url)).toMatchObject({ release: 'better' })

  // All at once: it burns while it is watched.
  on.write({ 'server.js': bad })
  const late = load(url)
  const watched = await on.end(['release', '--watch', '10m'])
  await late.stop()
  expect(watched).toMatchObject({ code: 1, err: expect.stringMatching(/rolled back: [^]*TF_ROLLOUT_FAILED/) })
  expect(await ask(url)).toMatchObject({ release: 'better' })
})

async function killed(on: Stage): Promise<void> {
  process.kill((await snapshotOf(on))!.pid, 'SIGKILL')
  await eventually('the control plane to be gone', async () => (await snapshotOf(on)) === undefined)
}

const pidsOf = ({ services }: SystemSnapshot): readonly unknown[] =>
  services['web']!.instances.map(({ id, pid }) => ({ id, pid }))

const statesOf = ({ services }: SystemSnapshot): readonly string[] =>
  services['web']!.releases!.map(({ by, state }) => `${by} ${state}`)

test('a release goes on when its command is interrupted, and a start after kill -9 of the control plane goes on with what ran', async () => {
  const { on, url } = await running({ ...shop(), 'server.js': serverOf('old') })
  const before = (await snapshotOf(on))!
  const clients = load(url)
  on.write({ 'server.js': serverOf('new') })
  const command = on.tenfold(['release', '--canary', '20%', '--match', 'X-Canary: 1', '--hold', '10m'])
  await command.says(/canary \w{8} has 20 % and x-canary: 1/)
  for (let request = 0; request < 20; request++) {
    const response = await fetch(url, { headers: { 'x-canary': '1' } })
    expect(await response.json()).toMatchObject({ release: 'new' })
  }
  command.signal('SIGINT')
  expect(await command.ended).toMatchObject({ code: 130 })
  const { services } = (await snapshotOf(on))!
  expect(services['web']).toMatchObject({ releasing: { phase: 'canary', share: 0.2 } })
  expect(services['web']!.instances).toHaveLength(3)
  const canary = services['web']!.instances.find(({ release }) => release !== undefined)!.release!

  // Twice: the second start knows as well as the first that nobody has decided.
  for (let death = 0; death < 2; death++) {
    await killed(on)
    expect(await on.end(['up', '--detach', '--port', '0'])).toMatchObject({ code: 0 })
    const after = (await snapshotOf(on))!
    expect(await ask(url)).toMatchObject({ release: 'old' })
    expect(pidsOf(after)).toEqual(pidsOf(before))
    expect(statesOf(after)).toEqual(['release interrupted', 'up released'])
    expect(after.notices).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        message: expect.stringContaining(`release ${canary.slice(0, 8)}, which the sources are, was not out for good`),
        hint: expect.stringContaining('tenfold release web'),
      }),
    )
  }
  expect(await on.end(['release', '--canary', '20%', '--hold', '1s'])).toMatchObject({ code: 0 })
  expect(await ask(url)).toMatchObject({ release: 'new' })
  // What is out for good is what a start runs.
  await killed(on)
  expect(await on.end(['up', '--detach', '--port', '0'])).toMatchObject({ code: 0 })
  expect(await ask(url)).toMatchObject({ release: 'new' })
  expect((await clients.stop()).failures).toEqual([])
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(on.leftovers()).toEqual([])
})

test('what is watched, or stopped in the middle, is as little out for good as a canary', async () => {
  const { on, url } = await running({ ...shop(), 'server.js': serverOf('old') })
  on.write({ 'server.js': serverOf('new') })
  const clients = load(url)
  const watched = on.tenfold(['release', '--watch', '10m'])
  await watched.says(/is watched/)
  expect(await ask(url)).toMatchObject({ release: 'new' })
  await killed(on)
  await watched.ended
  expect(await on.end(['up', '--detach', '--port', '0'])).toMatchObject({ code: 0 })
  expect(await ask(url)).toMatchObject({ release: 'old' })
  expect((await clients.stop()).failures).toEqual([])

  const stopped = on.tenfold(['release', '--canary', '20%', '--hold', '10m'])
  await stopped.says(/canary \w{8} has 20 %/)
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  await stopped.ended
  const again = JSON.parse((await on.end(['up', '--detach', '--json', '--port', '0'])).out) as SystemSnapshot
  expect(await ask(again.gateway.url!)).toMatchObject({ release: 'old' })
  expect(statesOf(again)).toEqual(['release interrupted', 'release interrupted', 'up released'])

  // Other sources are another release, which a start takes as it finds it.
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  on.write({ 'server.js': serverOf('edited') })
  const edited = JSON.parse((await on.end(['up', '--detach', '--json', '--port', '0'])).out) as SystemSnapshot
  expect(await ask(edited.gateway.url!)).toMatchObject({ release: 'edited' })
})

test('a front end is released and rolled back like a server', async () => {
  const services = { web: WEB, site: { static: './dist', routes: ['/site'] } }
  const { on, url } = await running({ ...shop(), ...blueprint({ services }), 'dist/index.html': 'first' })
  const page = async (): Promise<string> => (await fetch(`${url}/site/`)).text()
  expect(await page()).toBe('first')
  on.write({ 'dist/index.html': 'second' })
  expect(await on.end(['release', 'site'])).toMatchObject({ code: 0, out: expect.stringMatching(/^site: /) })
  expect(await page()).toBe('second')
  expect(await on.end(['rollback'])).toMatchObject({ code: 0, out: expect.stringMatching(/^site: /) })
  expect(await page()).toBe('first')

  // What is gone from the blueprint is no part of the last release.
  on.write({ 'dist/index.html': 'third' })
  expect(await on.end(['release', 'site'])).toMatchObject({ code: 0 })
  on.write(blueprint({ services: { web: WEB } }))
  expect(await on.end(['apply'])).toMatchObject({ code: 0 })
  expect(await on.end(['rollback'])).toMatchObject({ code: 0, out: expect.stringMatching(/^web: \w+ → \w+\n$/) })
})
