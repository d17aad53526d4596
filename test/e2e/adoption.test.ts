import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { load } from './load.ts'
import { blueprint, shopWithDatabase } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

/** Starts in the background; the snapshot says where. */
async function started(on: Stage): Promise<SystemSnapshot & { url: string }> {
  const { code, out, err } = await on.end(['up', '--port', '0', '--detach', '--json'])
  if (code !== 0) throw new Error(`expected it to start, got ${err}`)
  const snapshot = JSON.parse(out) as SystemSnapshot
  return { ...snapshot, url: snapshot.gateway.url! }
}

async function killed(on: Stage, pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await eventually('the control plane to be gone', async () => (await snapshotOf(on)) === undefined)
}

const notices = ({ notices: all }: SystemSnapshot): string => all.map(({ message }) => message).join('\n')
const instancePids = ({ services }: SystemSnapshot): readonly unknown[] =>
  services['web']!.instances.map(({ id, pid }) => ({ id, pid }))
const nodePid = ({ databases }: SystemSnapshot): number | undefined => databases['orders']!.nodes[0]!.pid

test('after kill -9, also of starts at any moment, the next adopts everything, no request fails, and it is watched and stopped as ever', async () => {
  const files = shopWithDatabase()
  const on = stage(files)
  await started(on)
  // A rollout leaves gaps in the numbers of the instances.
  on.write({ 'server.js': `${files['server.js']}\n// Edited.\n` })
  expect((await on.end(['apply'])).code).toBe(0)
  const snapshot = (await snapshotOf(on))!
  const before = { ...snapshot, url: snapshot.gateway.url! }
  const clients = load(before.url)
  await killed(on, before.pid)
  const { code, err } = await on.end(['status'])
  expect([code, err]).toEqual([
    1,
    expect.stringMatching(/it has died; without it go on: .*orders.*"tenfold up" adopts/s),
  ])
  for (const afterMs of [150, 300, 450, 600, 750, 900, 1_100, 1_400]) {
    const up = on.tenfold(['up', '--port', '0'])
    await sleep(systemClock, afterMs)
    up.signal('SIGKILL')
    await up.ended
  }
  const after = await started(on)
  const { answers, failures } = await clients.stop()
  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(10)
  expect(after.pid).not.toBe(before.pid)
  expect([after.url, after.gateway.pid]).toEqual([before.url, before.gateway.pid])
  expect(nodePid(after)).toBe(nodePid(before))
  expect(instancePids(after)).toEqual(instancePids(before))
  expect(notices(after)).toMatch(/^adopted from an earlier run: gateway, orders, web-\d, web-\d$/)

  // The end of a process that is not its child is seen all the same.
  for (const pid of [after.services['web']!.instances[0]!.pid!, nodePid(after)!]) process.kill(pid, 'SIGKILL')
  await eventually('both to come back', async () => {
    const status = (await snapshotOf(on))!
    const isBack =
      status.services['web']!.instances.some(({ restarts }) => restarts === 1) && nodePid(status) !== nodePid(after)
    return isBack && status.phase === 'running'
  })
  expect(await ask(after.url)).toMatchObject({ pid: expect.any(Number) })
  expect((await on.end(['down'])).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})

test('a start that was edited meanwhile keeps what is the same, and replaces the rest without a failed request', async () => {
  const files = shopWithDatabase()
  const on = stage(files)
  const before = await started(on)
  const clients = load(before.url)
  await killed(on, before.pid)
  on.write({ 'server.js': `${files['server.js']}\n// Edited.\n` })
  const after = await started(on)
  const { failures } = await clients.stop()
  expect(failures).toEqual([])
  expect([after.url, after.gateway.pid, nodePid(after)]).toEqual([before.url, before.gateway.pid, nodePid(before)])
  expect(notices(after)).toContain('adopted from an earlier run: gateway, orders')
  expect(notices(after)).toContain('replaced or not wanted any more, from an earlier run: web-1, web-2')
  const pids = new Set(before.services['web']!.instances.map(({ pid }) => pid))
  for (const { pid } of after.services['web']!.instances) expect(pids).not.toContain(pid)
  expect((await on.end(['down'])).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})

test('a start that is interrupted while it adopts leaves nothing, also with a second Ctrl-C', async () => {
  const on = stage(shopWithDatabase())
  const { pid } = await started(on)
  await killed(on, pid)
  const up = on.tenfold(['up', '--port', '0'])
  await up.says(/orders/)
  up.signal('SIGINT')
  up.signal('SIGINT')
  await up.ended
  expect(on.leftovers()).toEqual([])
})

test('a start that fails lets go what it has adopted: it serves on, and is adopted when the mistake is mended', async () => {
  // With exec the process that answers is the one that is known.
  const web = { command: 'exec node server.js', routes: ['/'], instances: { min: 2 }, databases: ['orders'] }
  const files = shopWithDatabase({ services: { web } })
  const on = stage(files)
  const before = await started(on)
  const clients = load(before.url)
  await killed(on, before.pid)

  // What fails first, before anything of the new release runs.
  on.write({ 'migrations/003-broken.sql': 'create tabel nothing ();' })
  const broken = await on.end(['up', '--port', '0', '--detach'])
  expect([broken.code, broken.err]).toEqual([1, expect.stringMatching(/TF_MIGRATION_FAILED/)])
  expect((await on.end(['status'])).err).toMatch(/without it go on: .*gateway.*"tenfold up" adopts/s)
  expect(await ask(before.url)).toMatchObject({ pid: expect.any(Number) })

  // What fails last: new instances of one service serve already when the other one can't start.
  rmSync(join(on.directory, 'migrations/003-broken.sql'))
  on.write({
    'server.js': `${files['server.js']}\n// Edited.\n`,
    ...blueprint({
      databases: { orders: { migrations: './migrations', seed: './seed.js' } },
      services: { web, never: { command: 'sleep 2; echo no such thing; exit 3', routes: ['/never'] } },
    }),
  })
  const late = await on.end(['up', '--port', '0', '--detach'])
  expect([late.code, late.err]).toEqual([1, expect.stringMatching(/TF_SERVICE_NOT_READY/)])
  const answer = await ask<{ pid: number }>(before.url)
  expect(before.services['web']!.instances.map(({ pid }) => pid)).toContain(answer.pid)

  on.write(files)
  const after = await started(on)
  const { answers, failures } = await clients.stop()
  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(10)
  expect([after.url, after.gateway.pid, nodePid(after)]).toEqual([before.url, before.gateway.pid, nodePid(before)])
  expect(instancePids(after)).toEqual(instancePids(before))
  expect(notices(after)).toMatch(/adopted from an earlier run: gateway, orders, web-1, web-2/)
  expect((await on.end(['down'])).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})
