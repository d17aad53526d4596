import { expect, it } from 'vitest'
import type { ResolvedTraffic } from '../../src/blueprint/resolved-traffic.ts'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'
import { parseTraffic } from '../../src/gateway/parse-traffic.ts'

const overTheSocket = (traffic: unknown): unknown => JSON.parse(JSON.stringify(traffic))

it.each<Partial<ResolvedTraffic>>([
  {},
  { balance: { by: 'round-robin' } },
  { balance: { by: 'least-requests' } },
  { balance: { by: 'ring-hash', key: 'client' } },
  { balance: { by: 'ring-hash', key: { header: 'x-user' } } },
  { balance: { by: 'ring-hash', key: { cookie: 'session' } } },
  { slowStartMs: 30_000, inFlight: { soft: 1, hard: 1_024 }, queue: { length: 0, timeoutMs: 5 } },
  { ejection: undefined, panicBelow: 0 },
  { probe: { path: '/healthz', intervalMs: 1_000, timeoutMs: 500, failures: 3, successes: 2 } },
  { rate: { requests: 5, perMs: 1_000, burst: 1, key: 'client' } },
  { bodyBytesMax: 1 },
  { adaptive: { start: 4 }, shed: { header: 'x-priority', low: ['batch'], share: 0.5 } },
])('is what was sent: %j', (traffic) => {
  expect(parseTraffic(overTheSocket({ ...DEFAULT_TRAFFIC, ...traffic }), 'traffic')).toEqual({
    ...DEFAULT_TRAFFIC,
    ...traffic,
  })
})

it.each([
  ['traffic', null],
  ['traffic.balance', { ...DEFAULT_TRAFFIC, balance: 'round-robin' }],
  ['traffic.balance.by', { ...DEFAULT_TRAFFIC, balance: { by: 'best' } }],
  ['traffic.balance.key', { ...DEFAULT_TRAFFIC, balance: { by: 'ring-hash' } }],
  ['traffic.balance.key.cookie', { ...DEFAULT_TRAFFIC, balance: { by: 'ring-hash', key: { cookie: 1 } } }],
  ['traffic.inFlight.soft', { ...DEFAULT_TRAFFIC, inFlight: { soft: 3, hard: 2 } }],
  ['traffic.inFlight.hard', { ...DEFAULT_TRAFFIC, inFlight: { soft: 1, hard: 5_000 } }],
  ['traffic.queue.length', { ...DEFAULT_TRAFFIC, queue: { length: -1 } }],
  ['traffic.probe.path', { ...DEFAULT_TRAFFIC, probe: { intervalMs: 5 } }],
  ['traffic.ejection.atMost', { ...DEFAULT_TRAFFIC, ejection: { after: 1, forMs: 1, atMost: 2 } }],
  ['traffic.rate.burst', { ...DEFAULT_TRAFFIC, rate: { requests: 5, perMs: 1_000, burst: 0, key: 'client' } }],
  ['traffic.adaptive.start', { ...DEFAULT_TRAFFIC, adaptive: { start: 129 } }],
  ['traffic.shed.low', { ...DEFAULT_TRAFFIC, shed: { header: 'x', low: 'batch', share: 0.5 } }],
  ['traffic.shed.low.0', { ...DEFAULT_TRAFFIC, shed: { header: 'x', low: [5], share: 0.5 } }],
  ['traffic.bodyBytesMax', { ...DEFAULT_TRAFFIC, bodyBytesMax: 0 }],
  ['traffic.panicBelow', { ...DEFAULT_TRAFFIC, panicBelow: 50 }],
  ['traffic.slowStartMs', { ...DEFAULT_TRAFFIC, slowStartMs: '5s' }],
])('is refused at %s', (path, value) => {
  expect(() => parseTraffic(overTheSocket(value), 'traffic')).toThrow(
    expect.objectContaining({ code: 'TF_INPUT_INVALID', details: { path } }),
  )
})
