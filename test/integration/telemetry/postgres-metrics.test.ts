import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { checkFrame } from '../../../src/control/check-frame.ts'
import type { MetricFrame } from '../../../src/control/metric-frame.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { postgresFrame } from '../../../src/telemetry/postgres-frame.ts'
import { createPostgresMetrics, openReader } from '../../../src/telemetry/postgres-metrics.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed } from '../clusters/test-bed.ts'

let bed: TestBed
let cluster: Cluster

beforeAll(async () => {
  bed = await createTestBed()
  cluster = bed.cluster('orders')
  await cluster.start()
})

afterAll(() => bed.end())

function valueOf(frame: MetricFrame, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const sample = frame.samples.find(
    (each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels?.[label] === value),
  )
  return sample !== undefined && 'value' in sample ? sample.value : undefined
}

describe('a real server', () => {
  test('tells its transactions, rows, waits and locks in one statement', async () => {
    const reader = openReader({ name: 'orders', url: cluster.adminUrl() })
    const database = bed.connect(cluster.url(), { connectionsMax: 3 })
    await database.query('create table item (id int primary key)')
    const before = await reader.read(true)
    await database.query('insert into item select generate_series(1, 1000)')

    const holder = Promise.withResolvers<void>()
    const locked = Promise.withResolvers<void>()
    const holding = database.transaction(async (tx) => {
      await tx.query('lock table item')
      locked.resolve()
      await holder.promise
    })
    await locked.promise
    const waiting = database.query('select count(*) from item')
    await expect.poll(async () => (await reader.read(false)).locksWaiting, { timeout: 10_000 }).toBe(1)
    const blocked = postgresFrame('orders', before, await reader.read(true), 1)
    checkFrame(blocked)
    expect(valueOf(blocked, 'tenfold.database.waits', { wait: 'Lock' })).toBe(1)
    expect(valueOf(blocked, 'postgresql.backends', { state: 'idle in transaction' })).toBe(1)
    expect(valueOf(blocked, 'postgresql.db_size')).toBeGreaterThan(1_000_000)
    holder.resolve()
    await holding
    await waiting

    // A back end that is idle reports its counts after ten seconds, and one that ends at once.
    await database.end()
    await expect
      .poll(
        async () =>
          valueOf(postgresFrame('orders', before, await reader.read(false), 1), 'tenfold.database.rows', {
            operation: 'inserted',
          }),
        {
          timeout: 10_000,
        },
      )
      .toBeGreaterThanOrEqual(1_000)
    const after = postgresFrame('orders', before, await reader.read(false), 1)
    expect(valueOf(after, 'postgresql.commits')).toBeGreaterThanOrEqual(2)
    expect(valueOf(after, 'tenfold.database.wal.written')).toBeGreaterThan(50_000)
    expect(valueOf(after, 'tenfold.database.cache.hit_ratio')).toBeGreaterThan(0)
    await reader.close()
  })

  test('shows a role without rights what it may see', async () => {
    const reader = openReader({ name: 'orders', url: cluster.url() })
    checkFrame(postgresFrame('orders', undefined, await reader.read(true), 1))
    await reader.close()
  })

  test('has one connection more, whatever happens to it', async () => {
    const frames: MetricFrame[] = []
    const metrics = createPostgresMetrics({
      databases: () => [{ name: 'orders', url: cluster.adminUrl() }],
      append: (frame) => frames.push(frame),
      clock: systemClock,
    })
    const admin = bed.connect(cluster.adminUrl(), { connectionsMax: 1 })
    const connections = async (): Promise<number> => {
      const { rows } = await admin.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where application_name = 'tenfold telemetry'`,
      )
      return rows[0]!.n
    }
    await metrics.start()
    await expect.poll(() => frames.length, { timeout: 10_000 }).toBeGreaterThan(1)
    expect(await connections()).toBe(1)
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tenfold telemetry'`,
    )
    const before = frames.length
    await expect.poll(() => frames.length, { timeout: 10_000 }).toBeGreaterThan(before + 1)
    expect(await connections()).toBe(1)
    await metrics.stop()
    await expect.poll(connections, { timeout: 5_000 }).toBe(0)
  })
})
