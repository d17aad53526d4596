import { expect, test } from 'vitest'
import { WARM_UP } from '../../src/autoscaler/group-instances.ts'
import { readSignal } from '../../src/autoscaler/read-signal.ts'
import type { Measurement } from '../../src/autoscaler/wanted-instances.ts'
import type { ResolvedScale } from '../../src/blueprint/resolved-scale.ts'
import type { MetricFrame, MetricSample } from '../../src/control/metric-frame.ts'
import type { InstanceStatus } from '../../src/control/snapshot.ts'
import { createHistogram } from '../../src/core/histogram.ts'

const NOW = 1_000_000_000

function scaleBy(metric: ResolvedScale['metric']): ResolvedScale {
  const thresholds = { target: 0.6, tolerance: { out: 0.1, in: 0.1 }, stabilisationMs: { out: 0, in: 300_000 } }
  if (metric === 'custom') return { metric, name: 'jobs_waiting', from: '/metrics', labels: {}, ...thresholds }
  return { metric, ...thresholds }
}

function instance(id: string, changes: Partial<InstanceStatus> = {}): InstanceStatus {
  return { id, state: 'ready', restarts: 0, sinceEpochMs: NOW - 3_600_000, ...changes }
}

/** A frame so many seconds ago. */
function frame(secondsAgo: number, ...samples: MetricSample[]): MetricFrame {
  return { atEpochMs: NOW - secondsAgo * 1_000, source: 'somebody', samples }
}

const of = (service: string, instance?: string): { labels: Record<string, string> } => ({
  labels: instance === undefined ? { service } : { service, instance },
})

function read(
  metric: ResolvedScale['metric'],
  frames: readonly MetricFrame[],
  options: { instances?: readonly InstanceStatus[]; cpuLimit?: number } = {},
): Measurement {
  const { instances = [], cpuLimit } = options
  return readSignal({
    service: 'api',
    scale: scaleBy(metric),
    instances,
    cpuLimit,
    frames,
    nowEpochMs: NOW,
    warmUp: WARM_UP,
  })
}

const total = (measurement: Measurement): number | undefined =>
  measurement.kind === 'total' ? measurement.total : undefined
const groups = (measurement: Measurement): object => (measurement.kind === 'total' ? {} : measurement.groups)

test('cpu is what an instance used between the first look and the last, against its limit', () => {
  const cpu = (secondsAgo: number, value: number): MetricFrame =>
    frame(secondsAgo, { name: 'process.cpu.time', ...of('api', 'api-1'), value })
  // The look that was late by a second has all of two seconds.
  const measured = read('cpu', [cpu(4, 9), cpu(3, 0.1), cpu(1, 0.2), cpu(0, 0.1)], {
    instances: [instance('api-1')],
    cpuLimit: 0.25,
  })
  expect(groups(measured)).toMatchObject({ counted: [{ limit: 0.25, fromMs: NOW - 4_000 }], unready: [], missing: [] })
  expect(measured.kind === 'utilisation' && measured.groups.counted[0]!.value).toBeCloseTo(0.1)
  expect(groups(read('cpu', [cpu(1, 1), cpu(0, 0.5)], { instances: [instance('api-1')] }))).toMatchObject({
    counted: [{ value: 0.5, limit: 1 }],
  })
})

test('one look at the cpu is none, and instances that nothing is known of are missing', () => {
  const frames = [frame(1, { name: 'process.cpu.time', ...of('api', 'api-1'), value: 1 })]
  const instances = [instance('api-1'), instance('api-2')]
  expect(groups(read('cpu', frames, { instances }))).toMatchObject({ counted: [], missing: [{}, {}] })
})

test('elu is the mean of each instance; those that start, leave or wait do not count', () => {
  const elu = (id: string, ...values: number[]): MetricFrame[] =>
    values.map((value, index) => frame(index, { name: 'nodejs.eventloop.utilization', ...of('api', id), value }))
  const instances = [
    instance('api-1'),
    instance('api-2', { state: 'starting', sinceEpochMs: NOW - 5_000 }),
    instance('api-3', { state: 'draining' }),
    instance('api-4', { state: 'crash-looping' }),
    instance('api-5', { sinceEpochMs: NOW - 1_000 }),
  ]
  const frames = ['api-1', 'api-2', 'api-3', 'api-4', 'api-5'].flatMap((id) => elu(id, 0.5, 0.7))
  expect(groups(read('elu', frames, { instances }))).toEqual({
    counted: [{ value: expect.closeTo(0.6), fromMs: NOW - 2_000 }],
    unready: [expect.anything(), expect.anything(), expect.anything()],
    missing: [],
  })
})

test('inflight is of the service as a whole, with what waits for an instance', () => {
  const active = (secondsAgo: number, value: number): MetricFrame =>
    frame(
      secondsAgo,
      { name: 'http.server.active_requests', ...of('api'), value },
      { name: 'http.server.active_requests', ...of('api', 'api-1'), value: 1 },
      { name: 'http.server.active_requests', ...of('web'), value: 99 },
    )
  expect(total(read('inflight', [active(2, 10), active(1, 20), active(0, 30)]))).toBe(20)
  expect(total(read('inflight', []))).toBeUndefined()
})

test('arrivals are what ended and what came and stayed, a second', () => {
  const answered = (count: number): MetricSample => {
    const histogram = createHistogram()
    for (let index = 0; index < count; index++) histogram.record(1_000 * (index + 1))
    return {
      name: 'http.server.request.duration',
      labels: { service: 'api', status_class: '2xx' },
      histogram: histogram.serialise(),
    }
  }
  const second = (secondsAgo: number, active: number, ended: number, aborted: number): MetricFrame =>
    frame(
      secondsAgo,
      { name: 'http.server.active_requests', ...of('api'), value: active },
      { name: 'tenfold.gateway.aborted', ...of('api'), value: aborted },
      answered(ended),
    )
  // 40 answers, 2 that left and 10 that are still there, in two seconds.
  expect(total(read('arrivals', [second(2, 5, 500, 0), second(1, 9, 25, 2), second(0, 15, 15, 0)]))).toBe(26)
  expect(total(read('arrivals', [second(0, 5, 25, 0)]))).toBeUndefined()
})

test('a gauge of its own is what each instance said last; who is ready and said nothing is missing', () => {
  const said = (secondsAgo: number, id: string, value: number, metric = 'jobs_waiting'): MetricFrame =>
    frame(secondsAgo, {
      name: 'tenfold.autoscaler.signal',
      labels: { service: 'api', metric, instance: id },
      value,
    })
  const instances = [
    instance('api-1'),
    // Young, and counted all the same: Kubernetes lets only the CPU warm up.
    instance('api-2', { sinceEpochMs: NOW - 1_000 }),
    instance('api-3'),
    instance('api-4', { state: 'draining' }),
    instance('api-5', { state: 'backing-off' }),
  ]
  const decided: MetricFrame = frame(0, {
    name: 'tenfold.autoscaler.signal',
    labels: { service: 'api', metric: 'jobs_waiting' },
    value: 99,
  })
  const frames = [
    said(9, 'api-1', 50),
    said(4, 'api-1', 30),
    said(4, 'api-2', 10),
    said(4, 'api-3', 7, 'else'),
    said(4, 'api-4', 70),
    decided,
  ]
  const measured = read('custom', frames, { instances })
  expect(measured).toMatchObject({ kind: 'average', target: 0.6 })
  expect(groups(measured)).toMatchObject({
    counted: [
      { value: 30, fromMs: NOW - 4_000 },
      { value: 10, fromMs: NOW - 4_000 },
    ],
    unready: [{ state: 'pending' }],
    missing: [{ isReady: true }],
  })
})
