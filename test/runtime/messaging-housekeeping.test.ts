import { expect, test } from 'vitest'
import type { Notice } from '../../src/control/snapshot.ts'
import type { HousekeepingRound } from '../../src/runtime/messaging-housekeeping.ts'
import { createMessagingHousekeeping } from '../../src/runtime/messaging-housekeeping.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const tables = { topics: [], retentionMs: 0, keepUnreadMs: undefined, queues: [] }
const orders = { name: 'orders', url: 'postgres://h/orders', tables }

function stage(keep: HousekeepingRound['keep'], ...more: readonly HousekeepingRound[]) {
  const clock = virtualClock()
  const notices: Omit<Notice, 'atEpochMs'>[] = []
  const housekeeping = createMessagingHousekeeping({
    databases: () => [orders, { ...orders, name: 'events' }],
    notice: (notice) => void notices.push(notice),
    clock,
    rounds: [{ everyMs: 60_000, keep }, ...more],
  })
  return { clock, notices, housekeeping }
}

test('keeps the tables of every database, each kind in its time, from its start to its stop', async () => {
  const kept: string[] = []
  let queues = 0
  const { clock, notices, housekeeping } = stage(async ({ name }) => void kept.push(name) as undefined, {
    everyMs: 10_000,
    keep: async () => void queues++ as undefined,
  })
  await housekeeping.stop()
  await housekeeping.start()
  await clock.advance('59s')
  expect(kept).toEqual([])
  await clock.advance('61s')
  expect(kept).toEqual(['orders', 'events', 'orders', 'events'])
  expect(queues).toBe(24)
  await housekeeping.stop()
  await clock.advance('5m')
  expect(kept).toHaveLength(4)
  expect(notices).toEqual([])
})

test('says what a round has found, and goes on when a database fails', async () => {
  const { clock, notices, housekeeping } = stage(async ({ name }) => {
    if (name === 'orders') throw new Error('no answer')
    return { message: 'group shop is in the way', hint: 'start it' }
  })
  await housekeeping.start()
  await clock.advance('1m')
  expect(notices).toEqual([
    {
      level: 'warning',
      about: 'topics and queues in orders',
      message: 'topics and queues in orders could not be tidied up: no answer',
    },
    { level: 'warning', about: 'topics and queues in events', message: 'group shop is in the way', hint: 'start it' },
  ])
})

test('begins no round before the last one is over, and stops when that is', async () => {
  const gate = Promise.withResolvers<void>()
  let rounds = 0
  const { clock, housekeeping } = stage(async () => {
    rounds++
    await gate.promise
    return undefined
  })
  await housekeeping.start()
  await clock.advance('3m')
  expect(rounds).toBe(1)
  let hasStopped = false
  const stopping = housekeeping.stop().then(() => (hasStopped = true))
  await clock.advance('1s')
  expect(hasStopped).toBe(false)
  gate.resolve()
  await stopping
  expect(rounds).toBe(2)
})
