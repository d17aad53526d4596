import { expect, test } from 'vitest'
import type { Autoscaler, ScaledService, ScalingDecision } from '../../src/autoscaler/autoscaler.ts'
import { createAutoscaler } from '../../src/autoscaler/autoscaler.ts'
import type { Cap } from '../../src/autoscaler/recommend.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'

const SCALE = {
  metric: 'inflight',
  target: 10,
  tolerance: { out: 0.1, in: 0.1 },
  stabilisationMs: { out: 0, in: 300_000 },
} as const

interface Scene {
  readonly clock: VirtualClock
  readonly autoscaler: Autoscaler
  readonly counts: Map<string, number>
  readonly decisions: ScalingDecision[]
  readonly forgotten: string[]
  /** Requests in flight by service; undefined: not measured. */
  readonly load: Map<string, number>
}

function scene(
  names: readonly string[],
  options: { timeScale?: number; caps?: (scene: Scene) => readonly Cap[] } = {},
): Scene {
  const clock = virtualClock()
  const counts = new Map(names.map((name) => [name, 1]))
  const services = (): readonly ScaledService[] =>
    [...counts].map(([name, current]) => ({ name, scale: SCALE, min: 1, max: 20, current }))
  const whole: Scene = {
    clock,
    counts,
    decisions: [],
    forgotten: [],
    load: new Map(),
    autoscaler: createAutoscaler({
      services,
      measure: ({ name }) => ({ kind: 'total', target: SCALE.target, total: whole.load.get(name) }),
      caps: () => options.caps?.(whole) ?? [],
      scale: (name, count) => void counts.set(name, count),
      onDecision: (decision) => void whole.decisions.push(decision),
      onForgotten: (name) => void whole.forgotten.push(name),
      clock,
      ...(options.timeScale === undefined ? {} : { timeScale: options.timeScale }),
    }),
  }
  return whole
}

test('looks every 15 s, and moves what has to be moved', async () => {
  const { clock, autoscaler, counts, decisions, load } = scene(['api'])
  await autoscaler.start()
  load.set('api', 48)
  await clock.advance('14.9s')
  expect(decisions).toEqual([])
  await clock.advance('0.2s')
  expect(counts.get('api')).toBe(5)
  expect(decisions).toMatchObject([{ service: 'api', from: 1, desired: 5, value: 48, wanted: 5, reason: 'wanted 5' }])
  load.set('api', 5)
  await clock.advance('4m')
  expect(counts.get('api')).toBe(5)
  await clock.advance('75s')
  expect(counts.get('api')).toBe(1)
  await autoscaler.stop()
  expect(clock.pending).toBe(0)
})

test('control time that runs faster brings looks and the ends of windows sooner', async () => {
  const { clock, autoscaler, counts, load } = scene(['api'], { timeScale: 10 })
  await autoscaler.start()
  load.set('api', 48)
  await clock.advance('1.6s')
  expect(counts.get('api')).toBe(5)
  load.set('api', 5)
  await clock.advance('29s')
  expect(counts.get('api')).toBe(5)
  await clock.advance('3s')
  expect(counts.get('api')).toBe(1)
  await autoscaler.stop()
})

test('what one service takes, the next does not have', async () => {
  const { clock, autoscaler, counts, decisions, load } = scene(['api', 'web'], {
    caps: ({ counts: now }) => [
      { most: 6 - [...now.values()].reduce((sum, count) => sum + count, 0) + 1, by: 'cores' },
    ],
  })
  await autoscaler.start()
  load.set('api', 40)
  load.set('web', 40)
  await clock.advance('15s')
  expect(Object.fromEntries(counts)).toEqual({ api: 4, web: 2 })
  expect(decisions[1]!.reason).toBe('wanted 4, capped at 2 by cores')
  await autoscaler.stop()
})

test('leaves alone what was set by hand, and begins anew when it is asked to', async () => {
  const { clock, autoscaler, counts, decisions, load } = scene(['api'])
  await autoscaler.start()
  load.set('api', 48)
  autoscaler.pause('api')
  counts.set('api', 2)
  await clock.advance('10m')
  expect(counts.get('api')).toBe(2)
  expect(decisions).toEqual([])
  autoscaler.resume('api')
  expect(counts.get('api')).toBe(5)
  autoscaler.resume('nobody')
  await autoscaler.stop()
})

test('one that was stopped by hand runs again when it is left to the autoscaler', async () => {
  const { autoscaler, counts, load } = scene(['api'])
  autoscaler.pause('api')
  counts.set('api', 0)
  load.set('api', 0)
  autoscaler.resume('api')
  expect(counts.get('api')).toBe(1)
})

test('says that nothing was measured, and keeps what there is', async () => {
  const { clock, autoscaler, counts, decisions } = scene(['api'])
  counts.set('api', 3)
  await autoscaler.start()
  await clock.advance('15s')
  expect(decisions).toMatchObject([
    { from: 3, desired: 3, limit: { kind: 'unmeasured' }, reason: 'stays at 3: nothing was measured' },
  ])
  await autoscaler.stop()
})

test('a service that goes and comes back is not judged by what it was', async () => {
  const { clock, autoscaler, counts, load, forgotten } = scene(['api'])
  await autoscaler.start()
  load.set('api', 48)
  await clock.advance('15s')
  counts.delete('api')
  await clock.advance('30s')
  expect(forgotten).toEqual(['api'])
  counts.set('api', 3)
  load.set('api', 5)
  await clock.advance('15s')
  expect(counts.get('api')).toBe(1)
  await autoscaler.stop()
})
