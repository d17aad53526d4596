import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { PostgresReading } from './postgres-statement.ts'

type CounterName = keyof PostgresReading['counters']

const COUNTERS: readonly (readonly [MetricName, CounterName, labels?: Readonly<Record<string, string>>])[] = [
  ['postgresql.commits', 'commits'],
  ['postgresql.rollbacks', 'rollbacks'],
  ['postgresql.blks_hit', 'blocksHit'],
  ['postgresql.blks_read', 'blocksRead'],
  ['postgresql.deadlocks', 'deadlocks'],
  ['tenfold.database.rows', 'rowsReturned', { operation: 'returned' }],
  ['tenfold.database.rows', 'rowsInserted', { operation: 'inserted' }],
  ['tenfold.database.rows', 'rowsUpdated', { operation: 'updated' }],
  ['tenfold.database.rows', 'rowsDeleted', { operation: 'deleted' }],
  ['tenfold.database.temporary.written', 'temporaryBytes'],
  ['tenfold.database.wal.written', 'walBytes'],
  ['tenfold.database.io', 'readBytes', { direction: 'read' }],
  ['tenfold.database.io', 'writtenBytes', { direction: 'write' }],
]

const STATES = ['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)'] as const

/**
 * What has happened between two readings. Without one before, or with counters that began anew in between (a restart,
 * `pg_stat_reset`), there are only levels.
 */
export function postgresFrame(
  database: string,
  before: PostgresReading | undefined,
  now: PostgresReading,
  atEpochMs: number,
): MetricFrame {
  const sample = (name: MetricName, value: number, labels: Readonly<Record<string, string>> = {}): MetricSample => ({
    name,
    labels: { database, ...labels },
    value,
  })
  const samples = [
    // Also those that nobody is in: a chart that ends at the last one would be a lie.
    ...[...new Set([...STATES, ...Object.keys(now.connections)])].map((state) =>
      sample('postgresql.backends', now.connections[state] ?? 0, { state }),
    ),
    ...Object.entries(now.waits).map(([wait, count]) => sample('tenfold.database.waits', count, { wait })),
    sample('tenfold.database.locks.waiting', now.locksWaiting),
  ]
  if (now.sizeBytes !== null) samples.push(sample('postgresql.db_size', now.sizeBytes))
  if (now.lagBytes !== null) samples.push(sample('postgresql.replication.data_delay', now.lagBytes))
  if (now.lagSeconds !== null) samples.push(sample('postgresql.wal.lag', now.lagSeconds))
  if (before?.since === now.since) {
    const added = (counter: CounterName): number => Math.max(0, now.counters[counter] - before.counters[counter])
    for (const [name, counter, labels] of COUNTERS) samples.push(sample(name, added(counter), labels))
    const blocks = added('blocksHit') + added('blocksRead')
    if (blocks > 0) samples.push(sample('tenfold.database.cache.hit_ratio', added('blocksHit') / blocks))
  }
  return { atEpochMs, source: `postgres/${database}`, samples }
}
