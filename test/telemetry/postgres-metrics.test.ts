import { describe, expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import { postgresFrame } from '../../src/telemetry/postgres-frame.ts'
import { createPostgresMetrics } from '../../src/telemetry/postgres-metrics.ts'
import type { PostgresReading } from '../../src/telemetry/postgres-statement.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const counters = {
  commits: 10,
  rollbacks: 1,
  blocksRead: 5,
  blocksHit: 50,
  rowsReturned: 0,
  rowsInserted: 0,
  rowsUpdated: 0,
  rowsDeleted: 0,
  deadlocks: 0,
  temporaryBytes: 0,
  walBytes: 0,
  readBytes: 0,
  writtenBytes: 0,
}

function reading(changes: Partial<PostgresReading['counters']> = {}, since = 'a'): PostgresReading {
  return {
    connections: { active: 2, 'fastpath function call': 1 },
    waits: { Lock: 1 },
    locksWaiting: 1,
    lagBytes: null,
    lagSeconds: null,
    sizeBytes: null,
    since,
    counters: { ...counters, ...changes },
  }
}

function valueOf(frame: MetricFrame, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const wanted = { database: 'orders', ...labels }
  const sample = frame.samples.find(
    (each) => each.name === name && Object.entries(wanted).every(([label, value]) => each.labels?.[label] === value),
  )
  return sample !== undefined && 'value' in sample ? sample.value : undefined
}

describe('the frame of a database', () => {
  test('holds what was added since the last reading, and levels as they are', () => {
    const frame = postgresFrame(
      'orders',
      reading(),
      { ...reading({ commits: 15, blocksHit: 80, blocksRead: 15 }), sizeBytes: 4_096 },
      7,
    )
    checkFrame(frame)
    expect(frame).toMatchObject({ atEpochMs: 7, source: 'postgres/orders' })
    expect(valueOf(frame, 'postgresql.commits')).toBe(5)
    expect(valueOf(frame, 'postgresql.rollbacks')).toBe(0)
    expect(valueOf(frame, 'tenfold.database.cache.hit_ratio')).toBe(0.75)
    expect(valueOf(frame, 'postgresql.backends', { state: 'active' })).toBe(2)
    expect(valueOf(frame, 'postgresql.backends', { state: 'idle' })).toBe(0)
    expect(valueOf(frame, 'tenfold.database.waits', { wait: 'Lock' })).toBe(1)
    expect(valueOf(frame, 'postgresql.db_size')).toBe(4_096)
    expect(valueOf(frame, 'postgresql.wal.lag')).toBeUndefined()
  })

  test('compares nothing across a restart of the server', () => {
    const frame = postgresFrame('orders', reading(), reading({ commits: 1 }, 'b'), 7)
    expect(valueOf(frame, 'postgresql.commits')).toBeUndefined()
    expect(valueOf(frame, 'tenfold.database.locks.waiting')).toBe(1)
  })
})

describe('watching databases', () => {
  test('asks each once a second, never twice at once, and goes on after a failure', async () => {
    const clock = virtualClock()
    const frames: MetricFrame[] = []
    const answers: PromiseWithResolvers<PostgresReading>[] = []
    let closed = 0
    const metrics = createPostgresMetrics({
      databases: () => [{ name: 'orders', url: 'postgres://x' }],
      append: (frame) => frames.push(frame),
      clock,
      open: () => ({
        read: () => {
          const answer = Promise.withResolvers<PostgresReading>()
          answers.push(answer)
          return answer.promise
        },
        close: () => {
          closed += 1
          return Promise.resolve()
        },
      }),
    })
    await metrics.start()
    await clock.advance('3s')
    expect(answers).toHaveLength(1)
    answers[0]!.resolve(reading())
    await clock.advance('1s')
    answers[1]!.reject(new Error('down'))
    await clock.advance('1s')
    answers[2]!.resolve(reading({ commits: 99 }))
    await clock.advance('1s')
    answers[3]!.resolve(reading({ commits: 100 }))
    await metrics.stop()

    expect(frames.map((frame) => valueOf(frame, 'postgresql.commits'))).toEqual([undefined, undefined])
    expect(closed).toBe(1)
    expect(clock.pending).toBe(0)
  })

  test('opens a new connection when a database has moved', async () => {
    const clock = virtualClock()
    const opened: string[] = []
    let closed = 0
    let url = 'postgres://a'
    const metrics = createPostgresMetrics({
      databases: () => (url === '' ? [] : [{ name: 'orders', url }]),
      append: () => undefined,
      clock,
      open: (database) => {
        opened.push(database.url)
        return { read: () => Promise.resolve(reading()), close: () => Promise.resolve(void (closed += 1)) }
      },
    })
    await metrics.start()
    await clock.advance('2s')
    url = 'postgres://b'
    await clock.advance('2s')
    url = ''
    await clock.advance('1s')
    expect(opened).toEqual(['postgres://a', 'postgres://b'])
    expect(closed).toBe(2)
    await metrics.stop()
  })
})
