import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { metricDescription, METRICS } from '../../src/control/metric-names.ts'
import { prometheusName } from '../../src/telemetry/prometheus-name.ts'
import { prometheusText } from '../../src/telemetry/prometheus-text.ts'
import { createPrometheusTotals } from '../../src/telemetry/prometheus-totals.ts'
import { createSeriesLimit } from '../../src/telemetry/series-limit.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { gatewayFrame } from './frames-for-tests.ts'
import { parsePrometheus } from './parse-prometheus.ts'

describe('names', () => {
  test('follow the rules of Prometheus, and no two are the same', () => {
    const names = Object.keys(METRICS).map((name) => prometheusName(name, metricDescription(name)!))
    for (const { name, type } of names) {
      expect(name).toMatch(/^[a-z_][a-z0-9_]*$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      if (type !== 'histogram') expect(name).not.toMatch(/_(count|sum|bucket)$/)
    }
    expect(new Set(names.map(({ name }) => name)).size).toBe(names.length)
  })

  test('end in their unit', () => {
    const nameOf = (name: string): string => prometheusName(name, metricDescription(name)!).name
    expect(nameOf('http.server.request.duration')).toBe('http_server_request_duration_seconds')
    expect(nameOf('process.cpu.time')).toBe('process_cpu_time_seconds_total')
    expect(nameOf('process.memory.usage')).toBe('process_memory_usage_bytes')
    expect(nameOf('system.cpu.utilization')).toBe('system_cpu_utilization_ratio')
    expect(nameOf('system.cpu.logical.count')).toBe('system_cpu_logical')
  })
})

describe('the page', () => {
  test('is what Prometheus reads: cumulative buckets in seconds, sums, counts', () => {
    const totals = createPrometheusTotals(virtualClock())
    totals.add(gatewayFrame(1, { retries: 2, active: 7, latencyUs: [400, 4_000, 4_000, 40_000_000] }))
    totals.add(gatewayFrame(2, { retries: 3, active: 5, latencyUs: [600] }))
    const page = parsePrometheus(prometheusText(totals.families()))

    expect(page.get('tenfold_gateway_retries_total')).toMatchObject({
      type: 'counter',
      samples: [{ labels: { service: 'api', source: 'gateway' }, value: 5 }],
    })
    expect(page.get('http_server_active_requests')?.samples).toMatchObject([{ value: 5 }])
    const duration = page.get('http_server_request_duration_seconds')!
    const upTo = (le: string): number | undefined => duration.samples.find(({ labels }) => labels['le'] === le)?.value
    expect([upTo('0.0005'), upTo('0.001'), upTo('0.005'), upTo('10'), upTo('+Inf')]).toEqual([1, 2, 4, 4, 5])
    expect(duration.samples.find(({ name }) => name.endsWith('_sum'))?.value).toBeCloseTo(40.009, 9)
    expect(duration.samples.find(({ name }) => name.endsWith('_count'))?.value).toBe(5)
  })

  test('has counters and buckets that only grow, whatever the frames say', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ retries: fc.integer({ min: -5, max: 5 }), latencyUs: fc.array(fc.nat(20_000_000)) })),
        (seconds) => {
          const totals = createPrometheusTotals(virtualClock())
          let before = new Map<string, number>()
          for (const [at, values] of seconds.entries()) {
            totals.add(gatewayFrame(at, values))
            const now = new Map<string, number>()
            for (const { samples } of parsePrometheus(prometheusText(totals.families())).values()) {
              for (const { name, labels, value } of samples) now.set(`${name} ${JSON.stringify(labels)}`, value)
            }
            for (const [series, value] of before) expect(now.get(series)).toBeGreaterThanOrEqual(value)
            before = now
          }
        },
      ),
    )
  })

  test('escapes what a label or a help text may hold', () => {
    const totals = createPrometheusTotals(virtualClock())
    const service = 'a"b\\c\nd'
    totals.add({
      atEpochMs: 0,
      source: 'gateway',
      samples: [{ name: 'tenfold.gateway.retries', labels: { service }, value: 1 }],
    })
    const page = parsePrometheus(prometheusText(totals.families()))
    expect(page.get('tenfold_gateway_retries_total')?.samples[0]?.labels['service']).toBe(service)
  })

  test('forgets a gauge that nobody reports any more, and keeps its counters', async () => {
    const clock = virtualClock()
    const totals = createPrometheusTotals(clock)
    totals.add(gatewayFrame(1, { retries: 1, active: 1 }))
    await clock.advance('16s')
    expect(totals.families().map(({ name }) => name)).toEqual(['tenfold.gateway.retries'])
  })
})

describe('series beyond the bound', () => {
  test('are added up as "other", and it is said once', () => {
    const overflows: string[] = []
    const limit = createSeriesLimit({ seriesMax: 2, onOverflow: ({ name }) => overflows.push(name) })
    const totals = createPrometheusTotals(virtualClock())
    for (const service of ['a', 'b', 'c', 'd', 'c']) {
      const samples = [{ name: 'tenfold.gateway.retries', labels: { service }, value: 1 }]
      for (const frame of limit.admit({ atEpochMs: 0, source: 'gateway', samples })) totals.add(frame)
    }
    const series = totals.families()[0]!.series.map(({ source, labels, total }) => [source, labels['service'], total])
    expect(series).toEqual([
      ['gateway', 'a', 1],
      ['gateway', 'b', 1],
      ['other', 'other', 3],
    ])
    expect(overflows).toEqual(['tenfold.gateway.retries'])
    expect(limit.count).toBe(2)
  })
})
