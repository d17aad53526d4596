import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  framesBetween,
  histogramOf,
  labelValues,
  lastOf,
  maxOf,
  ratePerSecond,
  sumOf,
} from '../../src/control/frame-query.ts'
import type { MetricFrame, MetricSample } from '../../src/control/metric-frame.ts'
import { createHistogram } from '../../src/core/histogram.ts'

const frame = (atEpochMs: number, samples: MetricSample[], source = 'gateway'): MetricFrame => ({
  atEpochMs,
  source,
  samples,
})

const retries = (service: string, value: number): MetricSample => ({
  name: 'tenfold.gateway.retries',
  labels: { service },
  value,
})

const active = (service: string, value: number): MetricSample => ({
  name: 'http.server.active_requests',
  labels: { service },
  value,
})

describe('counters', () => {
  const frames = [frame(1_000, [retries('api', 2), retries('web', 10)]), frame(2_000, [retries('api', 3)])]

  test('add up over time and labels', () => {
    expect(sumOf(frames, { name: 'tenfold.gateway.retries' })).toBe(15)
    expect(sumOf(frames, { name: 'tenfold.gateway.retries', labels: { service: 'api' } })).toBe(5)
    expect(sumOf(frames, { name: 'tenfold.gateway.retries', labels: { service: ['api', 'none'] } })).toBe(5)
    expect(sumOf(frames, { name: 'tenfold.gateway.retries', source: 'host' })).toBe(0)
  })

  test('have a rate over the whole window, silent seconds too', () => {
    expect(ratePerSecond(frames, { name: 'tenfold.gateway.retries', labels: { service: 'api' } }, 10_000)).toBe(0.5)
    expect(ratePerSecond(frames, { name: 'tenfold.gateway.retries' }, 0)).toBe(0)
  })
})

describe('gauges', () => {
  test('are the last of each series, added up', () => {
    const frames = [
      frame(1_000, [active('api', 7), active('web', 1)], 'gateway-1'),
      frame(3_000, [active('api', 5)], 'gateway-1'),
      frame(2_000, [active('api', 9)], 'gateway-1'),
      frame(2_000, [active('api', 4)], 'gateway-2'),
    ]

    expect(lastOf(frames, { name: 'http.server.active_requests', labels: { service: 'api' } })).toBe(9)
    expect(lastOf(frames, { name: 'http.server.active_requests' })).toBe(10)
    expect(maxOf(frames, { name: 'http.server.active_requests' })).toBe(9)
  })

  test('are unknown, not 0, when nobody reported', () => {
    expect(lastOf([], { name: 'http.server.active_requests' })).toBeUndefined()
    expect(maxOf([], { name: 'http.server.active_requests' })).toBeUndefined()
  })
})

describe('histograms', () => {
  const duration = (values: number[], status_class: string): MetricSample => {
    const histogram = createHistogram()
    for (const value of values) histogram.record(value)
    return {
      name: 'http.server.request.duration',
      labels: { service: 'api', status_class },
      histogram: histogram.serialise(),
    }
  }

  test('merge to what one histogram of all values would be, however they were spread over frames', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(10_000_000), { maxLength: 30 }), { maxLength: 10 }), (seconds) => {
        const frames = seconds.map((values, second) => frame(second * 1_000, [duration(values, '2xx')]))
        const whole = createHistogram()
        for (const value of seconds.flat()) whole.record(value)
        const merged = histogramOf(frames, { name: 'http.server.request.duration' })
        expect(merged.serialise()).toEqual(whole.serialise())
      }),
    )
  })

  test('are chosen by label', () => {
    const frames = [frame(1_000, [duration([100, 200], '2xx'), duration([5], '5xx')])]

    const failed = { name: 'http.server.request.duration', labels: { status_class: ['5xx', 'none'] } } as const
    expect(histogramOf(frames, failed).count).toBe(1)
    expect(histogramOf(frames, { name: 'http.server.request.duration' }).count).toBe(3)
  })
})

test('a window is open at its beginning and closed at its end, so that windows in a row share nothing', () => {
  const frames = [1_000, 2_000, 3_000].map((at) => frame(at, []))

  expect(framesBetween(frames, 1_000, 2_000).map(({ atEpochMs }) => atEpochMs)).toEqual([2_000])
})

test('the values of a label are listed once, sorted', () => {
  const frames = [frame(1, [retries('web', 1), retries('api', 1)]), frame(2, [retries('web', 1)])]

  expect(labelValues(frames, { name: 'tenfold.gateway.retries' }, 'service')).toEqual(['api', 'web'])
  expect(labelValues(frames, { name: 'tenfold.gateway.retries' }, 'nothing')).toEqual([])
})
