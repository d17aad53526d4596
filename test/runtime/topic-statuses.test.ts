import { expect, test } from 'vitest'
import type { ResolvedTopic } from '../../src/blueprint/resolved-blueprint.ts'
import { topicStatuses } from '../../src/runtime/topic-statuses.ts'
import type { LagsOfLog } from '../../src/telemetry/topic-frame.ts'
import type { LagReading, PartitionReading } from '../../src/topics/lag.ts'
import { lagBetween } from '../../src/topics/lag.ts'

const TOPIC: ResolvedTopic = {
  name: 'placed',
  engine: { kind: 'postgres', database: 'events' },
  key: 'id',
  partitions: 2,
  retentionMs: 1_000,
  keepUnreadMs: undefined,
  isStrict: false,
  hasSchema: false,
}

function partition(more: Partial<PartitionReading>): PartitionReading {
  const place = { topic: 'placed', group: 'billing', partition: 0, owner: undefined, isMore: false }
  return { ...place, unread: 0, oldestAgeMs: undefined, done: 0n, deadLetters: 0, ...more }
}

function lags(log: string, before: LagReading | undefined, now: LagReading): [string, LagsOfLog] {
  const isOutbox = (topic: string): boolean => topic === 'placed' && log !== 'events'
  return [log, { log, isOutbox, before, now, groups: lagBetween(before, now) }]
}

const topics = (published: bigint): LagReading['topics'] => [{ topic: 'placed', partitions: 2, published }]

test('a topic has its groups and rates, and what waits in outboxes', () => {
  const before = { atMs: 0, topics: topics(5n), partitions: [partition({ done: 10n })] }
  const now = {
    atMs: 2_000,
    topics: topics(65n),
    partitions: [partition({ done: 30n, unread: 40, oldestAgeMs: 1_500.4, owner: 'a', deadLetters: 2 })],
  }
  const waiting = partition({ group: 'tenfold.relay', unread: 3, oldestAgeMs: 20 })
  const latest = new Map([
    lags('events', before, now),
    lags('shop', undefined, { atMs: 0, topics: topics(9n), partitions: [waiting] }),
    lags('idle', undefined, { atMs: 0, topics: topics(9n), partitions: [{ ...waiting, unread: 0 }] }),
  ])
  expect(topicStatuses({ placed: TOPIC }, latest)).toEqual({
    placed: {
      name: 'placed',
      partitions: 2,
      database: 'events',
      publishedPerSecond: 30,
      groups: [
        {
          group: 'billing',
          messages: 40,
          isMore: false,
          oldestAgeMs: 1_500,
          members: 1,
          deadLetters: 2,
          finishedPerSecond: 10,
        },
      ],
      outboxes: [{ database: 'shop', messages: 3, oldestAgeMs: 20 }],
    },
  })
})

test('a topic of which nothing was read yet has no groups', () => {
  expect(topicStatuses({ placed: TOPIC }, new Map())).toEqual({
    placed: { name: 'placed', partitions: 2, database: 'events', groups: [], outboxes: [] },
  })
})

test('a topic that moves has each group once, with what waits in both places, and its relay as an outbox', () => {
  const engine = { kind: 'kafka', database: 'events', urlVariable: 'KAFKA_URL' } as const
  const here = {
    atMs: 1_000,
    topics: topics(60n),
    partitions: [
      partition({ unread: 5, oldestAgeMs: 900, owner: 'a', deadLetters: 2 }),
      partition({ group: 'tenfold.relay', unread: 3, oldestAgeMs: 20 }),
    ],
  }
  const there = (atMs: number, published: bigint): LagReading => ({
    atMs,
    topics: topics(published),
    partitions: [partition({ unread: 7, oldestAgeMs: 100, owner: 'b', deadLetters: 2 })],
  })
  const [, home] = lags('events', { ...here, atMs: 0, topics: topics(0n) }, here)
  const isOutbox = (_topic: string, group?: string): boolean => group === undefined || group === 'tenfold.relay'
  const latest = new Map([
    ['events', { ...home, isOutbox }],
    ['KAFKA_URL/events', { ...lags('KAFKA_URL/events', there(0, 0n), there(1_000, 9n))[1], isOutbox: () => false }],
  ])
  expect(topicStatuses({ placed: { ...TOPIC, engine } }, latest)).toMatchObject({
    placed: {
      publishedPerSecond: 9,
      groups: [{ group: 'billing', messages: 12, oldestAgeMs: 900, members: 1, deadLetters: 2 }],
      outboxes: [{ database: 'events', messages: 3, oldestAgeMs: 20 }],
    },
  })
})
