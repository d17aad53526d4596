import { expect, test } from 'vitest'
import type { QueueReading } from '../../src/queues/queue-lag.ts'
import { queueLagBetween } from '../../src/queues/queue-lag.ts'

const reading = (changes: Partial<QueueReading> = {}): QueueReading => ({
  queue: 'emails',
  waiting: 0,
  isMore: false,
  oldestAgeMs: undefined,
  running: 0,
  delayed: 0,
  done: 0n,
  workers: 1,
  deadLetters: 0,
  ...changes,
})

test('says how many items are due or under way, and how old the oldest is', () => {
  const queues = [reading({ waiting: 7, running: 3, delayed: 5, oldestAgeMs: 400, deadLetters: 2 })]
  expect(queueLagBetween(undefined, { atMs: 0, queues })).toEqual([
    {
      queue: 'emails',
      waiting: 7,
      running: 3,
      delayed: 5,
      workers: 1,
      messages: 10,
      isMore: false,
      oldestAgeMs: 400,
      rates: undefined,
      deadLetters: 2,
    },
  ])
})

test('says how fast items come and go, and how long what is there will take', () => {
  const before = { atMs: 1_000, queues: [reading({ waiting: 10, done: 100n })] }
  const now = { atMs: 3_000, queues: [reading({ waiting: 30, running: 10, done: 140n }), reading({ queue: 'new' })] }
  const [emails, fresh] = queueLagBetween(before, now)
  expect(emails?.rates).toEqual({ finishedPerSecond: 20, publishedPerSecond: 35, drainMs: 2_000 })
  expect(fresh?.rates).toBeUndefined()
})
