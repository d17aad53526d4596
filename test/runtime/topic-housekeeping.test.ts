import { expect, test } from 'vitest'
import type { Notice } from '../../src/control/snapshot.ts'
import type { TopicHousekeepingOptions } from '../../src/runtime/topic-housekeeping.ts'
import { createTopicHousekeeping } from '../../src/runtime/topic-housekeeping.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const orders = { name: 'orders', url: 'postgres://h/orders', tables: { topics: [], retentionMs: 0 } }

function stage(keep: NonNullable<TopicHousekeepingOptions['keep']>) {
  const clock = virtualClock()
  const notices: Omit<Notice, 'atEpochMs'>[] = []
  const housekeeping = createTopicHousekeeping({
    databases: () => [orders, { ...orders, name: 'events' }],
    notice: (notice) => void notices.push(notice),
    clock,
    keep,
  })
  return { clock, notices, housekeeping }
}

test('keeps the tables of every database once a minute, from its start to its stop', async () => {
  const kept: string[] = []
  const { clock, notices, housekeeping } = stage(async ({ name }) => {
    kept.push(name)
    return []
  })
  await housekeeping.stop()
  await housekeeping.start()
  await clock.advance('59s')
  expect(kept).toEqual([])
  await clock.advance('61s')
  expect(kept).toEqual(['orders', 'events', 'orders', 'events'])
  await housekeeping.stop()
  await clock.advance('5m')
  expect(kept).toHaveLength(4)
  expect(notices).toEqual([])
})

test('says who keeps events beyond their retention, and goes on when a database fails', async () => {
  const { clock, notices, housekeeping } = stage(async ({ name }) => {
    if (name === 'orders') throw new Error('no answer')
    return [{ slice: 3, by: 'group shop' }]
  })
  await housekeeping.start()
  await clock.advance('1m')
  expect(notices).toEqual([
    {
      level: 'warning',
      about: 'topics in orders',
      message: 'topics in orders could not be tidied up: no answer',
    },
    {
      level: 'warning',
      about: 'topics in events',
      message:
        'topics in events are kept longer than their retention, and take more and more room: group shop is in the way',
      hint: 'start the service that reads them',
    },
  ])
})

test('begins no round before the last one is over, and stops when that is', async () => {
  const gate = Promise.withResolvers<void>()
  let rounds = 0
  const { clock, housekeeping } = stage(async () => {
    rounds++
    await gate.promise
    return []
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
