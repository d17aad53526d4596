import { expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { LagsOfLog } from '../../src/telemetry/topic-frame.ts'
import type { WatchedLog } from '../../src/telemetry/topic-metrics.ts'
import { createTopicMetrics } from '../../src/telemetry/topic-metrics.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { LagReading, PartitionReading } from '../../src/topics/lag.ts'

function partition(number: number, more: Partial<PartitionReading>): PartitionReading {
  const place = { topic: 'orders', group: 'billing', partition: number, owner: undefined, isMore: false }
  return { ...place, unread: 0, oldestAgeMs: undefined, done: 0n, deadLetters: 0, ...more }
}

/** A log that says what it is told to. */
function stage() {
  const clock = virtualClock()
  const frames: MetricFrame[] = []
  const lags: LagsOfLog[] = []
  const state = { reading: undefined as Omit<LagReading, 'atMs'> | undefined, address: 'here', opened: 0, closed: 0 }
  const log = (): WatchedLog => ({
    name: 'events',
    address: state.address,
    isOutbox: (topic) => topic === 'elsewhere',
    open() {
      state.opened++
      return {
        async read() {
          if (state.reading === undefined) throw new Error('gone')
          return { atMs: clock.nowMs(), ...state.reading }
        },
        close: async () => void state.closed++,
      }
    },
  })
  const metrics = createTopicMetrics({
    logs: () => [log()],
    append: (frame) => frames.push(frame),
    onLags: (each) => lags.push(each),
    clock,
  })
  return { clock, frames, lags, state, metrics }
}

const valuesOf = (frame: MetricFrame | undefined): Record<string, number> =>
  Object.fromEntries(
    (frame?.samples ?? []).map((sample) => [
      [sample.name.replace('tenfold.topic.', ''), sample.labels?.['partition'] ?? ''].join(' ').trim(),
      'value' in sample ? sample.value : Number.NaN,
    ]),
  )

const topics = (published: bigint): LagReading['topics'] => [{ topic: 'orders', partitions: 2, published }]

test('a frame a second has levels, and rates from the second reading on', async () => {
  const { clock, frames, lags, state, metrics } = stage()
  await metrics.start()
  state.reading = {
    topics: topics(100n),
    partitions: [partition(0, { unread: 30, oldestAgeMs: 2_500, owner: 'a', deadLetters: 1 }), partition(1, {})],
  }
  await clock.advance(1_000)
  expect(frames[0]!.source).toBe('topics/events')
  expect(valuesOf(frames[0])).toEqual({
    lag: 30,
    'lag.age': 2.5,
    members: 1,
    dead_letters: 1,
    'partition.lag 0': 30,
    'partition.lag.age 0': 2.5,
    'partition.lag 1': 0,
    'partition.lag.age 1': 0,
  })
  state.reading = { topics: topics(130n), partitions: [partition(0, { unread: 20, done: 40n }), partition(1, {})] }
  await clock.advance(1_000)
  for (const frame of frames) expect(() => checkFrame(frame)).not.toThrow()
  expect(valuesOf(frames[1])).toMatchObject({ published: 30, finished: 40, lag: 20, 'lag.drain': 0.5 })
  expect(lags.at(-1)).toMatchObject({ log: 'events', groups: [{ messages: 20 }] })
  await metrics.stop()
  expect(state.closed).toBe(1)
})

test('a group that stands still has no time in which it drains', async () => {
  const { clock, frames, state, metrics } = stage()
  await metrics.start()
  state.reading = { topics: topics(0n), partitions: [partition(0, { unread: 5 })] }
  await clock.advance(2_000)
  expect(valuesOf(frames[1])).not.toHaveProperty('lag.drain')
  expect(valuesOf(frames[1])).toMatchObject({ finished: 0, lag: 5 })
  await metrics.stop()
})

test('a log that does not answer has no frames, and no rates over the gap', async () => {
  const { clock, frames, state, metrics } = stage()
  await metrics.start()
  state.reading = { topics: topics(5n), partitions: [] }
  await clock.advance(1_000)
  state.reading = undefined
  await clock.advance(3_000)
  expect(frames.length).toBe(1)
  state.reading = { topics: topics(500n), partitions: [] }
  await clock.advance(1_000)
  expect(valuesOf(frames[1])).toEqual({})
  await metrics.stop()
})

test('a log that has moved is read where it is now', async () => {
  const { clock, state, metrics } = stage()
  await metrics.start()
  state.reading = { topics: [], partitions: [] }
  await clock.advance(1_000)
  state.address = 'there'
  await clock.advance(2_000)
  expect([state.opened, state.closed]).toEqual([2, 1])
  await metrics.stop()
})

test('of very many partitions there are only sums', async () => {
  const { clock, frames, state, metrics } = stage()
  await metrics.start()
  state.reading = {
    topics: topics(0n),
    partitions: Array.from({ length: 501 }, (_, number) => partition(number, { unread: 1 })),
  }
  await clock.advance(1_000)
  expect(valuesOf(frames[0])).toEqual({ lag: 501, 'lag.age': 0, members: 0, dead_letters: 0 })
  await metrics.stop()
})

test('what waits in an outbox says so, and is not counted as published twice', async () => {
  const { clock, frames, state, metrics } = stage()
  await metrics.start()
  state.reading = {
    topics: [{ topic: 'elsewhere', partitions: 1, published: 7n }],
    partitions: [partition(0, { topic: 'elsewhere', group: 'tenfold.relay', unread: 7 })],
  }
  await clock.advance(2_000)
  const samples = frames[1]!.samples
  expect(samples.map(({ name }) => name)).not.toContain('tenfold.topic.published')
  expect(samples.map(({ labels }) => labels?.['outbox'])).toEqual(samples.map(() => 'events'))
  expect(() => checkFrame(frames[1]!)).not.toThrow()
  await metrics.stop()
})
