import { expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { ResolvedBlueprint } from '../../src/blueprint/resolved-blueprint.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import { createHistogram } from '../../src/core/histogram.ts'
import { judge, requireLoad } from '../../src/rehearsal/rehearse.ts'
import { fabricatedResult } from './fabricated-result.ts'

const LOAD = {
  peak: '10 sessions/s',
  scenarios: [
    {
      name: 'visit',
      steps: [
        { name: 'home', path: '/' },
        { name: 'order', path: '/api/orders', method: 'POST' },
      ],
    },
  ],
}

function blueprint(objectives: Record<string, unknown>, load: object | null = LOAD): ResolvedBlueprint {
  const command = 'node server.js'
  return checkBlueprint(
    {
      name: 'shop',
      services: {
        web: { command, routes: ['/'] },
        api: { command, routes: ['/api'], calls: ['prices'] },
        prices: { command },
      },
      objectives,
      ...(load === null ? {} : { load }),
    },
    { file: '/shop/tenfold.config.ts' },
  )
}

const judged = (shop: ResolvedBlueprint, ...rest: [Parameters<typeof judge>[2], (readonly MetricFrame[])?]) =>
  judge(shop, requireLoad(shop), rest[0], rest[1] ?? []).map(({ service, measuredAt, verdict }) => ({
    service,
    measuredAt,
    state: verdict.state,
  }))

test('a service is judged by the steps that it answers, not by those of others', () => {
  const shop = blueprint({ web: { latency: { p95: '100ms' } }, api: { latency: { p95: '100ms' } } })
  const result = fabricatedResult([
    { step: 'home', count: 500, latencyMs: 20 },
    { step: 'order', count: 500, latencyMs: 300 },
  ])
  expect(judged(shop, result)).toEqual([
    { service: 'web', measuredAt: 'users', state: 'met' },
    { service: 'api', measuredAt: 'users', state: 'broken' },
  ])
})

test('a failed request is slower than any bound, and counts against the availability', () => {
  const shop = blueprint({ web: { availability: 0.9, latency: { p95: '100ms' } } })
  const result = fabricatedResult([{ step: 'home', count: 800, latencyMs: 5, failed: 200 }])
  const [web] = judge(shop, requireLoad(shop), result, [])
  expect(web?.verdict.reasons.map(({ objective, state }) => [objective, state])).toEqual([
    ['availability', 'broken'],
    ['latency', 'broken'],
  ])
})

test('a service without routes is judged by what the gateway saw', () => {
  const shop = blueprint({ prices: { availability: 0.99, latency: { p95: '50ms' } } })
  const frame = (service: string, statusClass: string, count: number, latencyMs: number): MetricFrame => {
    const histogram = createHistogram()
    for (let i = 0; i < count; i++) histogram.record(latencyMs * 1_000)
    return {
      atEpochMs: 1,
      source: 'gateway',
      samples: [
        {
          name: 'http.server.request.duration',
          labels: { service, status_class: statusClass },
          histogram: histogram.serialise(),
        },
      ],
    }
  }
  const result = fabricatedResult([{ step: 'home', count: 500, latencyMs: 20 }])
  const well = [frame('prices', '2xx', 900, 10), frame('prices', '4xx', 90, 10), frame('web', '5xx', 500, 900)]
  const expected = { service: 'prices', measuredAt: 'gateway' }
  expect(judged(shop, result, well)).toEqual([{ ...expected, state: 'met' }])
  expect(judged(shop, result, [...well, frame('prices', '5xx', 100, 1)])).toEqual([{ ...expected, state: 'broken' }])
  expect(judged(shop, result, [])).toEqual([{ ...expected, state: 'invalid' }])
})

test('a generator at its limit makes every verdict invalid, whatever was measured', () => {
  const shop = blueprint({ web: { latency: { p95: '100ms' } } })
  const result = fabricatedResult([{ step: 'home', count: 500, latencyMs: 900 }], {
    validity: { state: 'generator-bound', reasons: ['it was late'] },
  })
  const [web] = judge(shop, requireLoad(shop), result, [])
  expect(web?.verdict).toMatchObject({ state: 'invalid', reasons: [{ text: 'it was late' }, { state: 'broken' }] })
})

test('a blueprint without load says what to add', () => {
  expect(() => requireLoad(blueprint({}, null))).toThrow(
    expect.objectContaining({ code: 'TF_LOAD_MISSING', hint: expect.stringContaining('add load: {') }),
  )
})
