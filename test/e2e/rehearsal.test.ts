import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { RehearsalReport } from '../../src/rehearsal/rehearsal-report.ts'
import { LOAD, shop, WEB } from './shop.ts'
import { stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const ONCE = ['up', '--once', '--port', '0']
const visit = (path: string): unknown => ({ name: 'visit', steps: [{ name: 'get', path }] })

test('a peak that is held is exit 0, and with --json the report alone is printed, and kept', async () => {
  // A generator that shares two cores with ten other programs is late, and says so; the bound is far from that.
  const on = stage(shop({ ...LOAD, objectives: { web: { latency: { p50: '20s' } } } }))
  const { code, out, err } = await on.end([...ONCE, '--json', '--seed', '7'])
  const report = JSON.parse(out) as RehearsalReport
  expect({ code, state: report.state, seed: report.load.seed }, err).toEqual({ code: 0, state: 'passed', seed: 7 })
  expect(report.load.requests.failed).toBe(0)
  const [file] = readdirSync(join(on.state(), 'rehearsals'))
  expect(JSON.parse(readFileSync(join(on.state(), 'rehearsals', file!), 'utf8'))).toEqual(report)
  expect(on.leftovers()).toEqual([])
})

test('an objective that is broken is exit 1, with the verdict for people', async () => {
  const load = { ...LOAD.load, scenarios: [visit('/?ms=300')] }
  const on = stage(shop({ load, objectives: { web: { latency: { p50: '150ms' } } } }))
  const { code, out } = await on.end(ONCE)
  expect(code).toBe(1)
  expect(out).toMatch(/✘ broken {2}web: p50 was [\d.]+ m?s, the bound is 150 ms \(\d+ requests\)|INVALID: /)
  expect(out).toMatch(/^(FAILED|INVALID): /m)
  expect(on.leftovers()).toEqual([])
})

test('failing requests break the availability, and the report shows one', async () => {
  const load = { ...LOAD.load, scenarios: [visit('/fail')] }
  const on = stage(shop({ load, objectives: { web: { availability: 0.99, latency: { p50: '20s' } } } }))
  const { code, out } = await on.end(ONCE)
  expect(code).toBe(1)
  expect(out).toMatch(/✘ broken {2}web: 0 % of the requests succeeded, the bound is 99 %/)
  expect(out).toMatch(/! get: .*500/)
  expect(out).toMatch(/^FAILED: /m)
})

test('a generator at its limit is no verdict: exit 1, and the reason', async () => {
  const step = { name: 'get', path: '/', code: { module: './late.js', export: 'late' } }
  const load = { ...LOAD.load, peak: '30 sessions/s', scenarios: [{ name: 'visit', steps: [step] }] }
  const on = stage({
    ...shop({ ...LOAD, load }),
    'late.js': `export function late(request) {
      for (const end = performance.now() + 40; performance.now() < end; );
      return request
    }`,
  })
  const { code, out } = await on.end(ONCE)
  expect(code).toBe(1)
  expect(out).toMatch(/^INVALID: nothing can be said. The generator was the limit/m)
  expect(on.leftovers()).toEqual([])
})

test('a blueprint without load says what to add before anything starts', async () => {
  const on = stage(shop())
  const { code, out, err } = await on.end(ONCE)
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toMatch(/^tenfold: .*\[TF_LOAD_MISSING\]\n {2}Next: add load: /)
})

test('a rehearsal of a system that runs leaves it running, and repeats with its seed', async () => {
  const on = stage(shop({ ...LOAD, services: { web: { ...WEB, instances: { min: 1 } } } }))
  expect((await on.end(['up', '--detach', '--port', '0'])).code).toBe(0)
  const offered: number[] = []
  for (let i = 0; i < 2; i++) {
    const { out } = await on.end(['rehearse', '--seed', '3', '--json'])
    offered.push((JSON.parse(out) as RehearsalReport).load.sessions.planned)
  }
  expect(offered[0]).toBe(offered[1])
  expect((await on.end(['down'])).code).toBe(0)
})
