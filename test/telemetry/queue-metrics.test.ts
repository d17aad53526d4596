import { expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { QueueReading } from '../../src/queues/queue-lag.ts'
import { createQueueMetrics } from '../../src/telemetry/queue-metrics.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const QUEUE: QueueReading = {
  queue: 'mails',
  waiting: 8,
  isMore: false,
  oldestAgeMs: 1_500,
  running: 2,
  delayed: 3,
  done: 100n,
  workers: 4,
  deadLetters: 1,
}

test('a frame a second has levels, rates from the second reading on, and outboxes under the name of their queue', async () => {
  const clock = virtualClock()
  const frames: MetricFrame[] = []
  let queues: readonly QueueReading[] = [QUEUE, { ...QUEUE, queue: 'outbox/bills', waiting: 7, running: 0 }]
  const metrics = createQueueMetrics({
    queues: () => [
      {
        name: 'orders',
        address: 'here',
        outboxOf: (queue) => (queue.startsWith('outbox/') ? queue.slice(7) : undefined),
        open: () => ({ read: async () => ({ atMs: clock.nowMs(), queues }), close: async () => undefined }),
      },
    ],
    append: (frame) => frames.push(frame),
    clock,
  })
  await metrics.start()
  await clock.advance(1_000)
  queues = [{ ...QUEUE, done: 105n }]
  await clock.advance(1_000)
  for (const frame of frames) expect(() => checkFrame(frame)).not.toThrow()
  const [first, second] = frames.map(({ samples }) =>
    samples.map(({ name, labels, ...rest }) => [
      name.replace('tenfold.queue.', ''),
      labels?.['queue'],
      'value' in rest ? rest.value : undefined,
    ]),
  )
  expect(first).toEqual([
    ['lag', 'mails', 10],
    ['lag.age', 'mails', 1.5],
    ['delayed', 'mails', 3],
    ['running', 'mails', 2],
    ['workers', 'mails', 4],
    ['dead_letters', 'mails', 1],
    ['lag', 'bills', 7],
    ['lag.age', 'bills', 1.5],
    ['delayed', 'bills', 3],
  ])
  expect(frames[0]!.samples.slice(-3).map(({ labels }) => labels?.['outbox'])).toEqual(['orders', 'orders', 'orders'])
  expect(second).toContainEqual(['finished', 'mails', 5])
  expect(second).toContainEqual(['lag.drain', 'mails', 2])
  await metrics.stop()
})
