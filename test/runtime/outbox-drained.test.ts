import { expect, test } from 'vitest'
import { relayed } from '../../src/runtime/outbox-drained.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { LagReading, PartitionReading } from '../../src/topics/lag.ts'
import { RELAY_GROUP } from '../../src/topics/relay-group.ts'

function partition(done: bigint, unread: number, more: Partial<PartitionReading> = {}): PartitionReading {
  const rest = { isMore: false, oldestAgeMs: undefined, owner: undefined, deadLetters: 0 }
  return { topic: 'placed', group: RELAY_GROUP, partition: 0, done, unread, ...rest, ...more }
}

/** @returns after how many readings it was enough; undefined: not after all of them */
async function drain(...readings: readonly (readonly PartitionReading[])[]): Promise<number | undefined> {
  const clock = virtualClock()
  const [signal, over] = [new AbortController(), Promise.withResolvers<undefined>()]
  let taken = 0
  const read = async (): Promise<LagReading> => {
    const partitions = readings[taken++]
    if (partitions === undefined) over.resolve(undefined)
    return { atMs: 0, topics: [{ topic: 'placed', partitions: 1, published: 9n }], partitions: partitions ?? [] }
  }
  const drained = relayed({ read }, clock, signal.signal).then(() => taken)
  drained.catch(() => undefined)
  const outcome = Promise.race([drained, over.promise]).finally(() => signal.abort())
  for (const _ of readings) await clock.advance('5ms')
  return outcome
}

test('waits for what was there, and not for what came later', async () => {
  expect(await drain([partition(5n, 2)], [partition(6n, 3)], [partition(7n, 9)])).toBe(3)
  expect(await drain([partition(5n, 2)], [partition(6n, 1)])).toBe(undefined)
  expect(await drain([partition(5n, 0)], [partition(5n, 1)])).toBe(2)
})

test('waits for every partition, and for no other group', async () => {
  const other = partition(0n, 9, { group: 'billing' })
  const second = (done: bigint): PartitionReading => partition(done, 1, { partition: 1 })
  const [before, between, after] = [0n, 0n, 1n].map(second)
  expect(
    await drain([partition(5n, 1), before!, other], [partition(6n, 0), between!], [partition(6n, 0), after!]),
  ).toBe(3)
})

test('waits for the relay to begin, and for the end of what was too much to count', async () => {
  expect(await drain([], [], [partition(0n, 2)], [partition(1n, 1)], [partition(2n, 0)])).toBe(5)
  const much = partition(0n, 1_000, { isMore: true })
  expect(await drain([much], [much], [partition(9n, 0)], [partition(9n, 0)])).toBe(4)
})
