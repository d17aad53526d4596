import { expect, test } from 'vitest'
import type { CountedPlace, LagCounts, LagRow } from '../../../../src/topics/logs/postgres/lag-counts.ts'
import { addReading, NOTHING_COUNTED, planCounts } from '../../../../src/topics/logs/postgres/lag-counts.ts'

const ROW: LagRow = {
  topic: 'orders',
  partition: 0,
  published: 0,
  arrived: 0,
  consumer: 1,
  group_name: 'billing',
  epoch: 1,
  done: '0',
  owner: null,
  dead_letters: 0,
  counted: null,
  oldest_age_ms: null,
  oldest_xid: null,
  oldest_id: null,
}

function countsOf(places: number, more: Partial<CountedPlace>): LagCounts {
  const place = { consumer: 1, epoch: 1, done: 0n, unread: 5, isMore: false, countedIn: 1, oldest: undefined }
  return {
    places: new Map(
      Array.from({ length: places }, (_, n) => [`1/${n}`, { ...place, partition: n, countedIn: n, ...more }]),
    ),
    published: new Map(),
  }
}

test('one reading counts so many events at most, however many places are new', () => {
  for (const places of [1, 7, 250, 5_000]) {
    const { places: chosen, limit } = planCounts(countsOf(places, { unread: undefined }), 1)
    expect(chosen.size).toBe(Math.min(places, 1_000))
    expect(chosen.size * limit).toBeLessThanOrEqual(100_000)
  }
})

test('what is known is counted again in turns, now and then, the longest ago first', () => {
  const known = countsOf(9, {})
  expect(planCounts(known, 11).places.size).toBe(0)
  expect([...planCounts(known, 20).places]).toEqual(['1/0', '1/1'])
})

test('what was too much to count is counted when little of it is left', () => {
  expect(planCounts(countsOf(1, { isMore: true, unread: 5_000 }), 11).places.size).toBe(0)
  expect(planCounts(countsOf(1, { isMore: true, unread: 5 }), 11).places.size).toBe(1)
})

test('a backlog goes on from what it was, by what was published and finished', () => {
  const at = (reading: number) => ({ limit: 100, reading })
  const unread = ({ places }: LagCounts): unknown => places.get('1/0')?.unread
  let counts = addReading(NOTHING_COUNTED, [ROW], at(1))
  expect(unread(counts)).toBeUndefined()
  counts = addReading(counts, [{ ...ROW, counted: 40, done: '3' }], at(2))
  expect(unread(counts)).toBe(40)
  counts = addReading(counts, [{ ...ROW, published: 10, arrived: 10, done: '8' }], at(3))
  expect(unread(counts)).toBe(45)
  expect(unread(addReading(counts, [{ ...ROW, epoch: 2, done: '8' }], at(4))), 'another has it').toBeUndefined()
  expect(unread(addReading(counts, [{ ...ROW, done: '90' }], at(4))), 'more than there was').toBeUndefined()
  expect(unread(addReading(counts, [{ ...ROW, counted: 101 }], at(4)))).toBe(100)
  expect(counts.published.get('orders')).toBe(10n)
})
