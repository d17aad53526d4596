import { expect, test } from 'vitest'
import type { CapacityMemory, LagSource } from '../../src/autoscaler/lag-signal.ts'
import { capacityOf, lagMeasurement, nextCapacities } from '../../src/autoscaler/lag-signal.ts'
import { wantedInstances } from '../../src/autoscaler/wanted-instances.ts'
import type { MetricFrame, MetricSample } from '../../src/control/metric-frame.ts'
import { createHistogram } from '../../src/core/histogram.ts'

const TOLERANCE = { out: 0.1, in: 0.1 }
const PER_SECOND = (rate: number) => ({ messages: rate * 3, busySeconds: 3 })

function lagFrame(lags: Readonly<Record<string, number>>, more: { group?: string; outbox?: string } = {}): MetricFrame {
  const { group = 'billing', ...outbox } = more
  const samples = Object.entries(lags).map(([topic, value]): MetricSample => ({
    name: 'tenfold.topic.lag',
    labels: { topic, group, ...outbox },
    value,
  }))
  return { atEpochMs: 1_000, source: 'topics/events', samples }
}

/** What an instance says of a second. */
function workFrame(facts: {
  busySeconds?: number
  messages?: number
  done?: number
  failed?: number
  service?: string
}): MetricFrame {
  const { busySeconds = 0, messages = 0, done = messages, failed = 0, service = 'billing' } = facts
  const labels = { service, instance: `${service}-1`, topic: 'orders' }
  const calls = (outcome: string, count: number): MetricSample => {
    const histogram = createHistogram()
    for (let n = 0; n < count; n++) histogram.record(1_000)
    return { name: 'messaging.process.duration', labels: { ...labels, outcome }, histogram: histogram.serialise() }
  }
  return {
    atEpochMs: 1_000,
    source: `instance/${service}-1`,
    samples: [
      { name: 'tenfold.consumer.busy.time', labels, value: busySeconds },
      { name: 'tenfold.consumer.busy.messages', labels, value: messages },
      calls('done', done),
      calls('failed', failed),
    ],
  }
}

function source(more: Partial<LagSource>): LagSource {
  return { service: 'billing', topics: ['orders'], queues: [], frames: [], capacities: {}, target: 5, ...more }
}

function wanted(current: number, more: Partial<LagSource>): unknown {
  const answer = wantedInstances(lagMeasurement(source(more)), current, TOLERANCE)
  return answer.isKnown ? answer.wanted : answer.reason
}

test.each([
  // A lag of 5 s is 100 messages for an instance that does 20 a second.
  { current: 1, waiting: 900, capacity: 20, asked: 9 },
  { current: 3, waiting: 300, capacity: 20, asked: 3 },
  { current: 3, waiting: 301, capacity: 20, asked: 3 },
  { current: 3, waiting: 340, capacity: 20, asked: 4 },
  { current: 9, waiting: 0, capacity: 20, asked: 0 },
  // Nobody has ever done a message in less than ten seconds, as far as is believed.
  { current: 1, waiting: 3, capacity: 0.001, asked: 6 },
])('$waiting messages ask $current instances that do $capacity a second to be $asked', (row) => {
  const capacities = { 'topic/orders': PER_SECOND(row.capacity) }
  expect(wanted(row.current, { frames: [lagFrame({ orders: row.waiting })], capacities })).toBe(row.asked)
})

test('topics add up as the time that one instance needs for each', () => {
  const more = {
    topics: ['orders', 'bills'],
    frames: [lagFrame({ orders: 100, bills: 30 })],
    capacities: { 'topic/orders': PER_SECOND(20), 'topic/bills': PER_SECOND(2) },
  }
  expect(lagMeasurement(source(more))).toEqual({ kind: 'total', target: 5, total: 20 })
  expect(wanted(1, more)).toBe(4)
})

test('the last reading counts, of its own group, and not what is still in an outbox', () => {
  const frames = [
    { ...lagFrame({ orders: 60 }), atEpochMs: 3_000 },
    { ...lagFrame({ orders: 500 }), atEpochMs: 2_000 },
    { ...lagFrame({ orders: 700 }, { group: 'other' }), atEpochMs: 4_000 },
    { ...lagFrame({ orders: 800 }, { outbox: 'shop' }), atEpochMs: 4_000 },
  ]
  expect(lagMeasurement(source({ frames, capacities: { 'topic/orders': PER_SECOND(20) } })).kind).toBe('total')
  expect(wanted(1, { frames, capacities: { 'topic/orders': PER_SECOND(20) } })).toBe(1)
  expect(wanted(1, { frames, capacities: { 'topic/orders': PER_SECOND(6) } })).toBe(2)
})

test('where the lag or the capacity is not known, nothing is, and it says which', () => {
  expect(wanted(2, { capacities: { 'topic/orders': PER_SECOND(20) } })).toBe('the lag on orders was not read')
  expect(wanted(2, { frames: [lagFrame({ orders: 9 })] })).toBe('nobody knows yet how fast an instance does orders')
  expect(wanted(2, { frames: [lagFrame({ orders: 0 })] }), 'nothing waits').toBe(0)
})

const after = (former: CapacityMemory, frames: readonly MetricFrame[]): number | undefined =>
  capacityOf(nextCapacities(former, { service: 'billing', topics: ['orders'], queues: [], frames })['topic/orders'])

test('the capacity is of busy seconds of all instances, smoothed, and kept while nobody is busy', () => {
  const first = [workFrame({ messages: 30, busySeconds: 1 }), workFrame({ messages: 10, busySeconds: 1 })]
  expect(after({}, first)).toBe(20)
  expect(after({}, [...first, workFrame({ messages: 500, busySeconds: 1, service: 'other' })])).toBe(20)
  expect(
    after({ 'topic/orders': { messages: 40, busySeconds: 2 } }, [workFrame({ messages: 60, busySeconds: 2 })]),
  ).toBeCloseTo(25.6, 1)
  const known = { 'topic/orders': { messages: 40, busySeconds: 2 } }
  expect(nextCapacities(known, { service: 'billing', topics: ['orders'], queues: [], frames: [] })).toEqual(known)
  expect(after({}, [])).toBeUndefined()
})

test('a handler that takes longer than a look is not taken for one that does nothing', () => {
  const none = nextCapacities(
    {},
    { service: 'billing', topics: ['orders'], queues: [], frames: [workFrame({ busySeconds: 15 })] },
  )
  expect(capacityOf(none['topic/orders'])).toBeUndefined()
  expect(after(none, [workFrame({ busySeconds: 15, messages: 9 })])).toBeCloseTo(1 / 3, 5)
})

test('a look in which more tries failed than went well says nothing of what instances can do', () => {
  const known = { 'topic/orders': { messages: 40, busySeconds: 2 } }
  expect(after(known, [workFrame({ busySeconds: 15, messages: 2, failed: 30 })])).toBe(20)
  expect(after(known, [workFrame({ busySeconds: 15, messages: 40, failed: 30 })])).toBeLessThan(10)
})

test('queues add to it, by what workers do, without a group', () => {
  const labels = { service: 'billing', instance: 'billing-1', queue: 'mails' }
  const frames: MetricFrame[] = [
    lagFrame({ orders: 100 }),
    {
      atEpochMs: 1_000,
      source: 'queues/orders',
      samples: [
        { name: 'tenfold.queue.lag', labels: { queue: 'mails' }, value: 40 },
        { name: 'tenfold.queue.lag', labels: { queue: 'mails', outbox: 'shop' }, value: 999 },
        { name: 'tenfold.consumer.busy.time', labels, value: 2 },
        { name: 'tenfold.consumer.busy.messages', labels, value: 8 },
      ],
    },
  ]
  const facts = { service: 'billing', topics: ['orders'], queues: ['mails'], frames }
  const capacities = nextCapacities({ 'topic/orders': PER_SECOND(20) }, facts)
  expect(capacityOf(capacities['queue/mails'])).toBe(4)
  expect(lagMeasurement({ ...facts, capacities, target: 5 })).toEqual({ kind: 'total', target: 5, total: 15 })
})
