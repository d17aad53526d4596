import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { connectControl } from '../../src/control/control-client.ts'
import type { ServiceStatus } from '../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { shop } from './shop.ts'
import type { Stage } from './stage.ts'
import { eventually, snapshotOf, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

/** Two requests at a time for an instance; sixty times as fast, five minutes are five seconds. */
const WEB = {
  command: 'exec node server.js',
  routes: ['/'],
  instances: { min: 1, max: 4 },
  scale: { metric: 'inflight', target: 2 },
}

async function webOf(on: Stage): Promise<ServiceStatus> {
  return (await snapshotOf(on))!.services['web']!
}

const readyOf = ({ instances }: ServiceStatus): number => instances.filter(({ state }) => state === 'ready').length

/** Keeps so many requests under way until told to stop; gives back what went wrong, and how many came back. */
function load(url: string, clients: number): () => Promise<{ failed: string[]; answered: number }> {
  const over = new AbortController()
  const failed: string[] = []
  let answered = 0
  const client = async (): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const response = await fetch(`${url}/?ms=100`, { signal: AbortSignal.timeout(20_000) })
        const text = await response.text()
        if (response.status === 200) answered += 1
        else failed.push(`${response.status} ${text}`)
      } catch (error) {
        failed.push(String(error))
      }
    }
  }
  const running = Array.from({ length: clients }, client)
  return async () => {
    over.abort()
    await Promise.all(running)
    return { failed, answered }
  }
}

test('a service scales out under load and in again, no request is lost, and every step is written down', async () => {
  const on = stage(shop({ services: { web: WEB } }))
  const { code, out, err } = await on.end(['up', '--port', '0', '--detach', '--time-scale', '60'])
  expect(`${code} ${err}`).toMatch(/^0/)
  expect(out).toMatch(/control time × 60/)
  const url = urlIn(out)
  expect((await webOf(on)).desired).toBe(1)

  const stopped = load(url, 10)
  await eventually('four instances to be ready', async () => readyOf(await webOf(on)) === 4)
  const busy = await webOf(on)
  expect(busy.scaling).toMatchObject({ mode: 'auto', metric: 'inflight', target: 2 })
  await eventually('what is wanted to be held back', async () => (await webOf(on)).scaling?.last?.limit === 'max')
  expect((await on.end(['status'])).out).toMatch(/inflight [\d.]+, target 2: wanted \d+, capped at 4 by instances\.max/)

  // One request at a time goes on, so that instances leave with requests about.
  const quiet = load(url, 1)
  const first = await stopped()
  await eventually('one instance to be left', async () => {
    const web = await webOf(on)
    return web.desired === 1 && web.instances.length === 1
  })
  const second = await quiet()
  expect([...first.failed, ...second.failed]).toEqual([])
  expect(first.answered + second.answered).toBeGreaterThan(20)

  const changes = readFileSync(join(on.state(), 'audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"autoscale"'))
    .map(
      (line) => JSON.parse(line) as { from: number; arguments: { count: number }; reason: string; timeScale: number },
    )
  expect(changes[0]).toMatchObject({
    from: 1,
    timeScale: 60,
    reason: expect.stringMatching(/^inflight .*target 2: wanted/),
  })
  expect(changes.at(-1)!.arguments.count).toBe(1)
  const history = await connectControl(on.state()).series({
    name: 'tenfold.autoscaler.desired',
    fromEpochMs: systemClock.epochMs() - 600_000,
    toEpochMs: systemClock.epochMs() + 60_000,
  })
  const points = history.flatMap((series) => series.points as readonly { value?: number; max?: number }[])
  expect(Math.max(...points.map(({ value = 0, max = value }) => max))).toBe(4)
  expect((await on.end(['down'])).code).toBe(0)
})

test('a number given by hand stays until auto', async () => {
  const on = stage(shop({ services: { web: WEB, plain: { command: 'exec node server.js', routes: ['/plain'] } } }))
  expect((await on.end(['up', '--port', '0', '--detach', '--time-scale', '60'])).code).toBe(0)

  expect(await on.end(['scale', 'web', '3'])).toMatchObject({ code: 0, out: 'web: 3 instances.\n' })
  await eventually('three instances to be ready', async () => readyOf(await webOf(on)) === 3)
  // Longer than the window after which the autoscaler would have taken them away.
  await sleep(systemClock, 8_000)
  expect(await webOf(on)).toMatchObject({ desired: 3, scaling: { mode: 'manual' } })
  expect((await on.end(['status'])).out).toMatch(/set by hand/)

  const auto = await on.end(['scale', 'web', 'auto', '--json'])
  expect(JSON.parse(auto.out)).toMatchObject({ service: 'web', mode: 'auto' })
  await eventually('one instance to be left', async () => (await webOf(on)).instances.length === 1)

  const control = connectControl(on.state())
  expect(await control.command('scale', { service: 'plain', count: 2 })).toMatchObject({ mode: 'manual', count: 2 })
  await expect(control.command('scale', { service: 'plain', count: 'auto' })).rejects.toThrow(
    'expected a service that scales by itself (web), got plain',
  )
  await expect(control.command('scale', { service: 'wep', count: 2 })).rejects.toMatchObject({
    hint: expect.stringMatching(/did you mean web/),
  })
  expect((await on.end(['down'])).code).toBe(0)
})
