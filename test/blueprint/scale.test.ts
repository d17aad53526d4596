import { expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { ResolvedScale } from '../../src/blueprint/resolved-scale.ts'

function resolved(scale: object, { consumes = ['placed'] }: { consumes?: readonly string[] } = {}): ResolvedScale {
  const web = { command: 'node server.js', scale, consumes, instances: { max: 9 } }
  const system = { databases: { orders: {} }, topics: { placed: { key: 'id', partitions: 9 } }, services: { web } }
  return checkBlueprint({ name: 'shop', ...system }, { file: '/nowhere/tenfold.config.ts' }).services['web']!.scale!
}

test('thresholds are tolerances around the target, and times are stabilisation windows', () => {
  expect(
    resolved({ metric: 'cpu', target: 0.6, out: { above: 0.6, for: '5m' }, in: { below: 0.3, for: '10m' } }),
  ).toEqual({
    metric: 'cpu',
    target: 0.6,
    tolerance: { out: 0, in: 0.5 },
    stabilisationMs: { out: 300_000, in: 600_000 },
  })
})

test('without them they are those of Kubernetes', () => {
  expect(resolved({ metric: 'inflight', target: 20 })).toEqual({
    metric: 'inflight',
    target: 20,
    tolerance: { out: 0.1, in: 0.1 },
    stabilisationMs: { out: 0, in: 300_000 },
  })
})

test('a tolerance has no more digits than what was written', () => {
  expect(resolved({ metric: 'elu', target: 0.6, out: { above: 0.66 }, in: { below: 0.42 } }).tolerance).toEqual({
    out: 0.1,
    in: 0.3,
  })
})

test('a gauge of its own has a name, a path and labels', () => {
  expect(resolved({ metric: 'custom', name: 'jobs_waiting', target: 20 })).toEqual({
    metric: 'custom',
    name: 'jobs_waiting',
    from: '/metrics',
    labels: {},
    target: 20,
    tolerance: { out: 0.1, in: 0.1 },
    stabilisationMs: { out: 0, in: 300_000 },
  })
  const labelled = {
    metric: 'custom',
    name: 'jobs',
    from: '/stats',
    labels: { queue: 'mail' },
    target: 5,
    out: { above: 6 },
  }
  expect(resolved(labelled)).toMatchObject({
    name: 'jobs',
    from: '/stats',
    labels: { queue: 'mail' },
    tolerance: { out: 0.2 },
  })
})

test('lag is in seconds, of a second at least', () => {
  expect(resolved({ metric: 'lag', target: '1500ms', out: { above: '3s' } })).toMatchObject({
    metric: 'lag',
    target: 1.5,
    tolerance: { out: 1 },
  })
  expect(() => resolved({ metric: 'lag', target: '500ms' })).toThrow(/a second or more, got '500ms'/)
})

test('lag is of a service that consumes something', () => {
  expect(() => resolved({ metric: 'lag', target: '5s' }, { consumes: [] })).toThrow(
    /a service that consumes topics or works on queues/,
  )
})

test('latency is refused with the reason', () => {
  expect(() => resolved({ metric: 'latency', target: '200ms' })).toThrow(
    /a signal that more instances bring down, got 'latency'.*more instances then make that worse/s,
  )
})
