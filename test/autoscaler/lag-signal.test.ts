import { expect, test } from 'vitest'
import type { LagReading } from '../../src/autoscaler/lag-signal.ts'
import { lagMeasurement, nextCapacity } from '../../src/autoscaler/lag-signal.ts'
import { wantedInstances } from '../../src/autoscaler/wanted-instances.ts'

const TOLERANCE = { out: 0.1, in: 0.1 }

function wanted(current: number, reading: LagReading): number | undefined {
  const answer = wantedInstances(lagMeasurement(5_000, reading), current, TOLERANCE)
  return answer.isKnown ? answer.wanted : undefined
}

test.each([
  // A lag of 5 s is 100 messages for an instance that does 20 a second.
  { current: 1, waiting: 900, capacityPerInstance: 20, asked: 9 },
  { current: 3, waiting: 300, capacityPerInstance: 20, asked: 3 },
  { current: 3, waiting: 301, capacityPerInstance: 20, asked: 3 },
  { current: 3, waiting: 340, capacityPerInstance: 20, asked: 4 },
  { current: 9, waiting: 0, capacityPerInstance: 20, asked: 0 },
  // Nobody has ever done a message in less than ten seconds, as far as is believed.
  { current: 1, waiting: 3, capacityPerInstance: 0, asked: 6 },
])('$waiting messages ask $current instances that do $capacityPerInstance a second to be $asked', (row) => {
  expect(wanted(row.current, row)).toBe(row.asked)
})

test('nothing is wanted where the messages or the capacity are not known', () => {
  expect(wanted(2, { waiting: undefined, capacityPerInstance: 20 })).toBeUndefined()
  expect(wanted(2, { waiting: 1_000, capacityPerInstance: undefined })).toBeUndefined()
})

test('the capacity is of busy seconds, smoothed, never nearly nothing, and kept while nobody is busy', () => {
  expect(nextCapacity(undefined, { messages: 40, busySeconds: 2 })).toBe(20)
  expect(nextCapacity(20, { messages: 60, busySeconds: 2 })).toBe(22)
  expect(nextCapacity(20, { messages: 0, busySeconds: 0 })).toBe(20)
  expect(nextCapacity(undefined, { messages: 0, busySeconds: 0 })).toBeUndefined()
  expect(nextCapacity(undefined, { messages: 0, busySeconds: 15 })).toBe(0.1)
})
