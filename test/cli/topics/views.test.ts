import { expect, test } from 'vitest'
import { lagView } from '../../../src/cli/topics/show-lag.ts'
import { topicsView } from '../../../src/cli/topics/list-topics.ts'
import { moveView } from '../../../src/cli/topics/move-topic.ts'
import { lettersView } from '../../../src/cli/topics/show-dead-letters.ts'
import { timeIn } from '../../../src/cli/topics/topic-arguments.ts'
import type { TopicStatus } from '../../../src/control/topic-status.ts'
import type { GroupLag } from '../../../src/topics/lag.ts'

const plain = (_style: unknown, text: string): string => text
const lines = (text: string): string[] => text.split('\n').map((line) => line.trimEnd())

const TOPIC: TopicStatus = {
  name: 'order_placed',
  partitions: 12,
  database: 'orders',
  publishedPerSecond: 40,
  groups: [
    { group: 'billing', messages: 0, isMore: false, oldestAgeMs: 0, members: 2, deadLetters: 0, finishedPerSecond: 40 },
    { group: 'slow', messages: 50_000, isMore: true, oldestAgeMs: 90_000, members: 1, deadLetters: 3 },
  ],
  outboxes: [{ database: 'shop', messages: 7, oldestAgeMs: 500 }],
}

test('topics have a line for each group', () => {
  expect(lines(topicsView([TOPIC, { ...TOPIC, name: 'unread', groups: [], outboxes: [] }], plain))).toEqual([
    'topic         partitions  group    behind  oldest  finished/s  members  dead',
    'order_placed          12  billing       0                  40        2     0  40 published/s, 7 wait in the outbox of shop',
    '                          slow     50000+    1.5m                    1     3',
    'unread                12  -                                                   40 published/s',
  ])
  expect(topicsView([], plain)).toContain('no topics')
})

test('a lag has a line for each partition, and says when it never drains', () => {
  // As it arrives over the socket.
  const rates = { finishedPerSecond: 0, publishedPerSecond: 1, drainMs: null } as unknown as GroupLag['rates']
  const common = { messages: 5, isMore: false, oldestAgeMs: 1_500, rates, deadLetters: 0 }
  const lag: GroupLag = {
    topic: 'order_placed',
    group: 'billing',
    members: 1,
    ...common,
    partitions: [
      { partition: 0, owner: '0123456789abcdef', ...common },
      { partition: 1, owner: undefined, ...common, messages: 0, oldestAgeMs: 0 },
    ],
  }
  expect(lines(lagView('order_placed', [lag], plain))).toEqual([
    'group    partition  behind  oldest  finished/s  drained in  dead  member',
    'billing        all       5    1.5s           0  never          0  1 member',
    '                 0       5    1.5s           0  never          0  01234567',
    '                 1       0                   0                 0  nobody',
  ])
  expect(lagView('order_placed', [], plain)).toBe('nobody reads order_placed yet')
})

test('dead letters say what was tried, why it failed, and what to do', () => {
  const letter = {
    messageId: '018f0000-0000-7000-8000-000000000001',
    partition: 3,
    id: '99',
    key: 'user-7',
    payload: '{"cents":-1}',
    headers: {},
    publishedEpochMs: 0,
    state: 'dead',
    isBlocking: true,
    attempts: 5,
    cause: 'cents must not be negative',
    failedEpochMs: 60_000,
  } as const
  const text = lettersView('order_placed', [{ group: 'billing', letters: [letter] }], plain)
  expect(lines(text)).toEqual([
    'billing',
    '1970-01-01T00:00:00.000Z  partition 3  99  018f0000-0000-7000-8000-000000000001  key user-7',
    '  {"cents":-1}',
    '  dead, tried 5 times, 1970-01-01T00:01:00.000Z, later events of its key wait: cents must not be negative',
    'try them again: tenfold topics redrive order_placed --group billing --all',
  ])
  expect(lettersView('order_placed', [{ group: 'billing', letters: [] }], plain)).toBe('no dead letters')
})

test.each([
  ['beginning', 'beginning'],
  ['now', 'now'],
  ['2h', { epochMs: 10_000_000 - 7_200_000 }],
  ['1970-01-01T00:01:00Z', { epochMs: 60_000 }],
  ['1970-01-01 00:01', { epochMs: 60_000 }],
  ['1970-01-02', { epochMs: 86_400_000 }],
  ['1970-01-01T01:00:00+01:00', { epochMs: 0 }],
])('%s is a time', (text, time) => {
  expect(timeIn(text, 10_000_000)).toEqual(time)
})

test.each(['yesterday', '2h30', '1970-13-40', ''])('%j is no time', (text) => {
  expect(() => timeIn(text, 0)).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
})

test('a move says how far it is, and what comes next', () => {
  const status = { topic: 'placed', to: 'kafka', move: 'none', undrained: [] } as const
  expect(moveView(status, { isDry: true })).toBe(
    'placed is in PostgreSQL: "npx tenfold topics move placed" begins to move it to kafka.',
  )
  const places = Array.from({ length: 10 }, (_, n) => `billing/${n}`)
  const moving = moveView({ ...status, move: 'moving', undrained: places })
  expect(moving).toContain('goes to kafka now')
  expect(moving).toContain('billing/0, billing/1')
  expect(moving).toContain('billing/7 and 2 more')
  expect(moveView({ ...status, move: 'moving' })).toContain('--finish --yes')
  expect(moveView({ ...status, move: 'returned' })).toContain('begins again')
  expect(moveView({ ...status, move: 'moved' })).toBe('placed is in kafka.')
})
