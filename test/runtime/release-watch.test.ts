import { expect, test } from 'vitest'
import { createFrameStore } from '../../src/control/frame-store.ts'
import type { MetricFrame, MetricSample } from '../../src/control/metric-frame.ts'
import type { MetricName } from '../../src/control/metric-names.ts'
import { createHistogram } from '../../src/core/histogram.ts'
import type { WatchedService } from '../../src/runtime/release-watch.ts'
import { judgeFrames, watchRelease } from '../../src/runtime/release-watch.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const ALL = 'http.server.request.duration'
const CANARY = 'tenfold.gateway.canary.duration'
const web: WatchedService = {
  service: 'web',
  objective: { availability: 0.99, latency: [] },
  isCanary: true,
  instances: () => ['web-3'],
}

function answers(name: MetricName, status: string, count: number, service = 'web'): MetricSample {
  const histogram = createHistogram()
  for (let i = 0; i < count; i++) histogram.record(1_000)
  return { name, labels: { service, status_class: status }, histogram: histogram.serialise() }
}

function ejection(instance: string): MetricSample {
  return { name: 'tenfold.gateway.ejections', labels: { service: 'web', instance, reason: 'consecutive' }, value: 1 }
}

function frame(samples: readonly MetricSample[], atEpochMs = 1_000): MetricFrame {
  return { atEpochMs, source: 'gateway', samples }
}

test('a canary is judged by what it has answered itself', () => {
  const served = [frame([answers(ALL, '5xx', 90), answers(CANARY, '2xx', 100), answers(CANARY, '4xx', 50)])]
  expect(judgeFrames(web, served, []).state).toBe('holds')
  const bad = [...served, frame([answers(CANARY, '5xx', 40)])]
  expect(judgeFrames(web, bad, [])).toEqual({
    state: 'burns',
    reason: '40 of 190 requests failed, the objective allows 1 %',
  })
  expect(judgeFrames({ ...web, isCanary: false }, served, []).state).toBe('burns')
  expect(judgeFrames({ ...web, service: 'other' }, bad, []).state).toBe('too-few')
})

test('one that the gateway has taken out burns, though nothing of it is measured any more', () => {
  expect(judgeFrames(web, [frame([ejection('web-3')])], [])).toMatchObject({
    state: 'burns',
    reason: 'web-3 answered so badly that the gateway took it out (consecutive)',
  })
  expect(judgeFrames({ ...web, objective: undefined }, [frame([ejection('web-3')])], []).state).toBe('burns')
})

test('it is not the release when others are taken out as well, or were before', () => {
  expect(judgeFrames(web, [frame([ejection('web-3'), ejection('web-1')])], []).state).not.toBe('burns')
  expect(judgeFrames(web, [frame([ejection('web-3')])], [frame([ejection('web-1')])]).state).not.toBe('burns')
})

test('the watch ends with the first second that burns, and else with its time', async () => {
  const clock = virtualClock()
  const frames = createFrameStore({ clock })
  const watch = (): ReturnType<typeof watchRelease> =>
    watchRelease({
      services: [web],
      frames,
      before: [],
      durationMs: 10_000,
      clock,
      signal: new AbortController().signal,
    })
  const good = watch()
  for (let second = 0; second < 9; second++) {
    frames.append(frame([answers(CANARY, '2xx', 10)], clock.epochMs()))
    await clock.advance('1s')
  }
  await clock.advance('1s')
  expect((await good).get('web')?.state).toBe('holds')

  const bad = watch()
  // Of the first second a part was before.
  frames.append(frame([answers(CANARY, '5xx', 100)], clock.epochMs()))
  await clock.advance('1s')
  frames.append(frame([answers(CANARY, '2xx', 100)], clock.epochMs()))
  await clock.advance('1s')
  frames.append(frame([answers(CANARY, '5xx', 20)], clock.epochMs()))
  await clock.advance(1)
  expect((await bad).get('web')).toEqual({
    state: 'burns',
    reason: '20 of 120 requests failed, the objective allows 1 %',
  })
})

test('the watch ends early when it is told to', async () => {
  const clock = virtualClock()
  const ending = new AbortController()
  const options = { services: [web], frames: createFrameStore({ clock }), before: [], durationMs: 10_000, clock }
  const watch = watchRelease({ ...options, signal: ending.signal })
  ending.abort()
  expect((await watch).size).toBe(0)
})
