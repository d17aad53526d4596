import { expect, test } from 'vitest'
import type { PartitionReading } from '../../src/topics/lag.ts'
import { lagBetween } from '../../src/topics/lag.ts'

function reading(partition: number, more: Partial<PartitionReading> = {}): PartitionReading {
  const place = { topic: 'orders', group: 'billing', partition, owner: undefined }
  return { ...place, unread: 0, isMore: false, oldestAgeMs: undefined, done: 0n, deadLetters: 0, ...more }
}

test('a group is as far behind as its partitions together, and as old as the oldest event', () => {
  const partitions = [
    reading(0, { unread: 30, oldestAgeMs: 500, owner: 'a', deadLetters: 1 }),
    reading(1, { unread: 10, oldestAgeMs: 2_000, owner: 'b' }),
    reading(2, { owner: 'b' }),
  ]
  const [lag] = lagBetween(undefined, { atMs: 0, topics: [], partitions })
  expect(lag).toMatchObject({ messages: 40, oldestAgeMs: 2_000, members: 2, deadLetters: 1, rates: undefined })
  expect(lag!.partitions.map(({ messages }) => messages)).toEqual([30, 10, 0])
})

test('rates are what two readings differ by', () => {
  const before = { atMs: 1_000, topics: [], partitions: [reading(0, { unread: 100, done: 50n })] }
  const now = { atMs: 3_000, topics: [], partitions: [reading(0, { unread: 40, done: 150n })] }
  expect(lagBetween(before, now)[0]!.rates).toEqual({ finishedPerSecond: 50, publishedPerSecond: 20, drainMs: 800 })
})

test('a group that stands still never drains, one with nothing before it has', () => {
  const before = { atMs: 0, topics: [], partitions: [reading(0), reading(1)] }
  const now = { atMs: 1_000, topics: [], partitions: [reading(0, { unread: 5, isMore: true }), reading(1)] }
  const [{ partitions, isMore }] = lagBetween(before, now) as [ReturnType<typeof lagBetween>[number]]
  expect(isMore).toBe(true)
  expect(partitions.map(({ rates }) => rates?.drainMs)).toEqual([Infinity, 0])
})

test('a partition without an earlier reading has no rates, nor has its group', () => {
  const [lag] = lagBetween(
    { atMs: 0, topics: [], partitions: [reading(0)] },
    { atMs: 1_000, topics: [], partitions: [reading(0), reading(1)] },
  )
  expect(lag!.rates).toBeUndefined()
  expect(lag!.partitions[0]!.rates).toBeDefined()
})
