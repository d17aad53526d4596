import { expect, test } from 'vitest'
import { statusView } from '../../src/cli/status-view.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'

const snapshot: SystemSnapshot = {
  version: 7,
  system: 'bytebites',
  configuration: 'tenfold',
  run: 'r1',
  pid: 1,
  startedEpochMs: 0,
  phase: 'running',
  gateway: { state: 'running', url: 'http://127.0.0.1:8080' },
  services: {
    api: {
      name: 'api',
      desired: 2,
      instances: [
        { id: 'api-1', state: 'ready', port: 4001, restarts: 0, sinceEpochMs: 0 },
        { id: 'api-2', state: 'backing-off', restarts: 3, sinceEpochMs: 0, reason: 'exited with code 1' },
      ],
    },
  },
  databases: {
    orders: {
      name: 'orders',
      state: 'ready',
      version: '18.4',
      nodes: [{ id: 'orders-1', role: 'primary', state: 'ready', port: 5001 }],
    },
  },
  rehearsal: undefined,
  notices: [{ atEpochMs: 0, level: 'warning', message: 'CPU limits are not enforced', hint: 'run as root' }],
}

test('shows every part, the instance that is not well, and what a person should know', () => {
  expect(statusView(snapshot, (_style, text) => text)).toBe(
    [
      'bytebites (tenfold)  running  http://127.0.0.1:8080',
      '  name     kind      state        ports',
      '  gateway  gateway   running      :8080',
      '  api      service   backing-off  :4001   1 of 2 instances ready, exited with code 1',
      '  orders   database  ready        :5001   PostgreSQL 18.4',
      '  ! CPU limits are not enforced (run as root)',
    ].join('\n'),
  )
})

test('shows each shard of a database, and how much of it it owns', () => {
  const shards = [0, 1].map((number) => ({
    name: `orders-${number}`,
    shard: { database: 'orders', number, ...(number === 0 ? { buckets: 512 } : {}) },
    state: 'ready' as const,
    version: '18.4',
    nodes: [],
  }))
  const databases = Object.fromEntries(shards.map((shard) => [shard.name, shard]))
  const view = statusView({ ...snapshot, services: {}, databases, notices: [] }, (_style, text) => text)
  expect(view.split('\n').slice(3)).toEqual([
    '  orders-0  shard    ready           PostgreSQL 18.4, 512 buckets',
    '  orders-1  shard    ready           PostgreSQL 18.4',
  ])
})

test('says what is wrong with an instance that is ready, and why one was started again', () => {
  const view = (more: object): string => {
    const instances = [{ id: 'api-1', state: 'ready' as const, port: 4001, restarts: 0, sinceEpochMs: 0, ...more }]
    const services = { api: { name: 'api', desired: 1, instances } }
    return statusView({ ...snapshot, services, databases: {}, notices: [] }, (_style, text) => text).split('\n')[3]!
  }
  expect(view({ reason: '/health did not answer within 1000 ms' })).toBe(
    '  api      service  ready    :4001  1 of 1 instance ready, api-1: /health did not answer within 1000 ms',
  )
  const reason = 'was killed: over its memory limit 256MiB'
  expect(view({ restarts: 2, lastFailure: { atEpochMs: 5, reason } })).toBe(
    `  api      service  ready    :4001  1 of 1 instance ready, 2 restarts: ${reason}`,
  )
})

test('names the instances that the gateway sends nothing to, and of many the first ones', () => {
  const unwell = ['api-1', 'api-2', 'api-3', 'api-4'].map((instance, i) => ({
    service: 'api',
    instance,
    reason: '5 failures in a row: out for 30 s',
    isServedNonetheless: i === 1,
  }))
  const view = (count: number): string =>
    statusView(
      { ...snapshot, gateway: { ...snapshot.gateway, unwell: unwell.slice(0, count) } },
      (_style, text) => text,
    ).split('\n')[2]!
  expect(view(1)).toMatch(/ nothing goes to api-1 \(5 failures in a row: out for 30 s\)$/)
  expect(view(2)).toMatch(/, api-2 unwell but needed \(5 failures in a row: out for 30 s\)$/)
  expect(view(4)).toMatch(/, and 1 more$/)
})

test('says what the autoscaler has done, what holds it, or that somebody has decided', () => {
  const scaling = { mode: 'auto', metric: 'cpu', target: 0.6 } as const
  const change = { atEpochMs: 0, from: 1, to: 2, reason: 'cpu 0.9, target 0.6: wanted 2' }
  const view = (more: object): string => {
    const instances = [{ id: 'api-1', state: 'ready' as const, restarts: 0, sinceEpochMs: 0 }]
    const services = { api: { name: 'api', desired: 1, instances, scaling: { ...scaling, ...more } } }
    const whole = statusView(
      { ...snapshot, timeScale: 10, services, databases: {}, notices: [] },
      (_style, text) => text,
    )
    expect(whole.split('\n')[1]).toBe('  control time × 10')
    return /ready, (.*)$/m.exec(whole)![1]!
  }
  expect(view({})).toBe('scales by cpu')
  expect(view({ last: { ...change, to: 1, reason: 'wanted 1' }, lastChange: change })).toBe(`1 → 2: ${change.reason}`)
  const held = {
    ...change,
    to: 1,
    limit: 'cap',
    reason: 'cpu 0.9, target 0.6: wanted 9, capped at 1 by cores',
  } as const
  expect(view({ last: held, lastChange: change })).toBe(held.reason)
  expect(view({ mode: 'manual' })).toBe('set by hand')
})

test('of a topic it says who is behind and what could not be handled, and nothing of those that keep up', () => {
  const group = { messages: 0, isMore: false, oldestAgeMs: 0, members: 1, deadLetters: 0 }
  const topic = { partitions: 6, database: 'orders', outboxes: [] }
  const shown = statusView(
    {
      ...snapshot,
      topics: {
        fine: { ...topic, name: 'fine', groups: [{ ...group, group: 'api' }] },
        placed: {
          ...topic,
          name: 'placed',
          groups: [
            { ...group, group: 'billing', messages: 30, isMore: true, oldestAgeMs: 90_000 },
            { ...group, group: 'mailer', messages: 5, oldestAgeMs: 2_000, members: 0, deadLetters: 1 },
          ],
          outboxes: [{ database: 'shop', messages: 4, oldestAgeMs: 10 }],
        },
      },
    },
    (_style, text) => text,
  )
  expect(shown).toMatch(/^  fine +topic +ready$/m)
  expect(shown).toContain(
    'billing is 30+ behind, 1.5m, mailer is 5 behind, 2s, nobody reads for mailer, mailer has 1 dead letter, 4 wait in the outbox of shop',
  )
})
