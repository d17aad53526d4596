import { GATEWAY_METRICS } from './gateway-metrics.ts'
import { SQL_METRICS } from './sql-metrics.ts'
import { MESSAGING_METRICS } from './messaging-metrics.ts'

/**
 * What a number is. A `counter` is what was added in this second, so it can be summed over time and sources; a `gauge`
 * is a level now; a `histogram` is the distribution of this second, mergeable by addition.
 */
export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** One row of `docs/reference/metrics.md`, which is generated from `METRICS`. */
export interface MetricDescription {
  readonly kind: MetricKind
  /** In the notation of UCUM, as OpenTelemetry uses it: `s`, `us`, `By`, `1` for a share of one, `{request}`. */
  readonly unit: string
  /** Every sample has these. */
  readonly labels: readonly string[]
  /** A sample may have these as well. */
  readonly mayHave?: readonly string[]
  readonly meaning: string
}

const OTHER_METRICS = {
  'http.client.request.duration': {
    kind: 'histogram',
    unit: 'us',
    labels: ['scenario', 'step', 'status_class'],
    meaning: 'What a user of the generated load waited for an answer, from the intended start of the request.',
  },
  'http.server.active_requests': {
    kind: 'gauge',
    unit: '{request}',
    labels: ['service'],
    mayHave: ['instance'],
    meaning: 'Requests in the gateway between arrival and the last byte of the answer.',
  },
  'http.server.request.duration': {
    kind: 'histogram',
    unit: 'us',
    labels: ['service', 'status_class'],
    mayHave: ['instance', 'listener'],
    meaning:
      'From the arrival of a request at the gateway to the last byte of the answer. Its count is the throughput.',
  },
  'nodejs.eventloop.delay.max': {
    kind: 'gauge',
    unit: 's',
    labels: [],
    mayHave: ['service', 'instance'],
    meaning: 'Longest time in this second that the event loop kept a timer waiting.',
  },
  'nodejs.eventloop.delay.p99': {
    kind: 'gauge',
    unit: 's',
    labels: [],
    mayHave: ['service', 'instance'],
    meaning: '99th percentile in this second of the time that the event loop kept a timer waiting.',
  },
  'nodejs.eventloop.utilization': {
    kind: 'gauge',
    unit: '1',
    labels: [],
    mayHave: ['service', 'instance'],
    meaning: 'Share of this second in which the event loop was busy: 1 is saturated.',
  },
  'postgresql.backends': {
    kind: 'gauge',
    unit: '{connection}',
    labels: ['database', 'state'],
    meaning:
      'Client connections to a database by what they do: active, idle, idle in transaction; our own are not counted.',
  },
  'postgresql.blks_hit': {
    kind: 'counter',
    unit: '{block}',
    labels: ['database'],
    meaning: 'Blocks found in the shared buffers of the server.',
  },
  'postgresql.blks_read': {
    kind: 'counter',
    unit: '{block}',
    labels: ['database'],
    meaning: 'Blocks that the server had to fetch, from the page cache of the system or the disk.',
  },
  'postgresql.commits': {
    kind: 'counter',
    unit: '{transaction}',
    labels: ['database'],
    meaning: 'Transactions committed; the one that measures is among them, once a second.',
  },
  'postgresql.db_size': {
    kind: 'gauge',
    unit: 'By',
    labels: ['database'],
    meaning: 'Size of the database on disk; looked at every 30 s.',
  },
  'postgresql.deadlocks': {
    kind: 'counter',
    unit: '{deadlock}',
    labels: ['database'],
    meaning: 'Deadlocks that the server broke.',
  },
  'postgresql.replication.data_delay': {
    kind: 'gauge',
    unit: 'By',
    labels: ['database'],
    meaning: 'Write-ahead log that the furthest standby has not applied yet.',
  },
  'postgresql.rollbacks': {
    kind: 'counter',
    unit: '{transaction}',
    labels: ['database'],
    meaning: 'Transactions rolled back.',
  },
  'postgresql.wal.lag': {
    kind: 'gauge',
    unit: 's',
    labels: ['database'],
    meaning: 'How long the furthest standby takes to apply what is committed, as it last said.',
  },
  'process.cpu.time': {
    kind: 'counter',
    unit: 's',
    labels: [],
    mayHave: ['service', 'instance', 'database'],
    meaning: 'CPU time used, user and system mode together, with children.',
  },
  'process.memory.usage': {
    kind: 'gauge',
    unit: 'By',
    labels: [],
    mayHave: ['service', 'instance', 'database'],
    meaning: 'Resident memory, with children.',
  },
  'system.cpu.load_average.1m': {
    kind: 'gauge',
    unit: '{thread}',
    labels: [],
    meaning: 'Threads of the machine that run or wait to run, average of one minute.',
  },
  'system.cpu.logical.count': {
    kind: 'gauge',
    unit: '{cpu}',
    labels: [],
    meaning: 'Logical processors of the machine that we may use.',
  },
  'system.cpu.utilization': {
    kind: 'gauge',
    unit: '1',
    labels: [],
    meaning: 'Share of the time of all processors of the machine that was not idle, 0 to 1.',
  },
  'system.disk.io': {
    kind: 'counter',
    unit: 'By',
    labels: ['direction'],
    meaning: 'Bytes that the disks of the machine moved; `direction` is read or write.',
  },
  'system.disk.io_time': {
    kind: 'counter',
    unit: 's',
    labels: [],
    meaning: 'Time in which a disk had at least one request under way, of all disks together.',
  },
  'system.disk.operations': {
    kind: 'counter',
    unit: '{operation}',
    labels: ['direction'],
    meaning: 'Requests that the disks of the machine have ended; `direction` is read or write.',
  },
  'system.filesystem.utilization': {
    kind: 'gauge',
    unit: '1',
    labels: [],
    meaning: 'How full the file system of the state directory is: 1 is full.',
  },
  'system.memory.available': {
    kind: 'gauge',
    unit: 'By',
    labels: [],
    meaning: 'Memory of the machine that programs could still get without swapping.',
  },
  'system.memory.limit': { kind: 'gauge', unit: 'By', labels: [], meaning: 'Memory of the machine.' },
  'system.network.errors': {
    kind: 'counter',
    unit: '{error}',
    labels: ['interface'],
    meaning: 'Packets received or sent with an error; `interface` is loopback or external.',
  },
  'system.network.io': {
    kind: 'counter',
    unit: 'By',
    labels: ['direction', 'interface'],
    meaning: 'Bytes on the network; `direction` is receive or transmit, `interface` is loopback or external.',
  },
  'tenfold.autoscaler.desired': {
    kind: 'gauge',
    unit: '{instance}',
    labels: ['service'],
    meaning: 'Instances that the autoscaler has decided on; it looks every 15 s of control time.',
  },
  'tenfold.autoscaler.signal': {
    kind: 'gauge',
    unit: '1',
    labels: ['service', 'metric'],
    mayHave: ['instance'],
    meaning: 'What a service scales by, as the decision saw it; with `instance` the gauge that it published itself.',
  },
  'tenfold.autoscaler.wanted': {
    kind: 'gauge',
    unit: '{instance}',
    labels: ['service'],
    meaning: 'Instances that the signal alone asks for, before bounds, rates and caps.',
  },
  'tenfold.backup.lag': {
    kind: 'gauge',
    unit: 's',
    labels: ['database'],
    meaning: 'Age of the oldest change that is not in the archive yet: what would be lost with the data (RPO).',
  },
  'tenfold.database.cache.hit_ratio': {
    kind: 'gauge',
    unit: '1',
    labels: ['database'],
    meaning: 'Share of the blocks of this second that were in the shared buffers; absent when none was needed.',
  },
  'tenfold.database.failovers': {
    kind: 'gauge',
    unit: '{failover}',
    labels: ['database'],
    meaning: 'How often another node has taken over since the start; of databases with followers.',
  },
  'tenfold.database.io': {
    kind: 'counter',
    unit: 'By',
    labels: ['database', 'direction'],
    meaning:
      'Bytes that the whole server moved between its buffers and files; `direction` is read or write. PostgreSQL 16 and newer.',
  },
  'tenfold.database.locks.waiting': {
    kind: 'gauge',
    unit: '{lock}',
    labels: ['database'],
    meaning: 'Locks of the whole server that somebody waits for.',
  },
  'tenfold.database.protected': {
    kind: 'gauge',
    unit: '1',
    labels: ['database'],
    meaning: '1 while writes are protected as the blueprint says, 0 while `tenfold status` shows an alarm.',
  },
  'tenfold.database.rows': {
    kind: 'counter',
    unit: '{row}',
    labels: ['database', 'operation'],
    meaning: 'Rows by `operation`: returned (read from tables and indexes), inserted, updated, deleted.',
  },
  'tenfold.database.temporary.written': {
    kind: 'counter',
    unit: 'By',
    labels: ['database'],
    meaning: 'Written to temporary files: sorts and joins that did not fit into their memory.',
  },
  'tenfold.database.term': {
    kind: 'gauge',
    unit: '1',
    labels: ['database'],
    meaning: 'Which primary a database has, counted from 1: one more after each promotion.',
  },
  'tenfold.database.waits': {
    kind: 'gauge',
    unit: '{connection}',
    labels: ['database', 'wait'],
    meaning: 'Connections that run a statement and wait for something: Lock, LWLock, IO, Client, IPC …',
  },
  'tenfold.database.wal.written': {
    kind: 'counter',
    unit: 'By',
    labels: ['database'],
    meaning: 'Write-ahead log of the whole server.',
  },
  'tenfold.generator.failures': {
    kind: 'counter',
    unit: '{request}',
    labels: ['scenario', 'reason'],
    meaning: 'Requests of the generated load that got no answer, or one that a check refused.',
  },
  'tenfold.generator.lateness': {
    kind: 'histogram',
    unit: 'us',
    labels: [],
    meaning: 'How long after its intended start a request was sent: the health of the generator.',
  },
  'tenfold.generator.sessions': {
    kind: 'counter',
    unit: '{session}',
    labels: ['scenario'],
    meaning: 'Sessions of the generated load that started.',
  },
  'tenfold.generator.sessions.active': {
    kind: 'gauge',
    unit: '{session}',
    labels: ['scenario'],
    meaning: 'Sessions of the generated load that are under way.',
  },
  'tenfold.host.cpu.stolen': {
    kind: 'gauge',
    unit: '1',
    labels: [],
    meaning: 'Share of the time of all processors that the hypervisor gave to others while we wanted it.',
  },
  'tenfold.host.filesystem.free': {
    kind: 'gauge',
    unit: 'By',
    labels: [],
    meaning: 'Room that is left on the file system of the state directory.',
  },
  'tenfold.instance.active_requests': {
    kind: 'gauge',
    unit: '{request}',
    labels: ['service', 'instance'],
    meaning: 'Requests that an instance has taken and not yet answered, as it sees them itself.',
  },
  'v8js.gc.duration': {
    kind: 'histogram',
    unit: 'us',
    labels: ['gc_type'],
    mayHave: ['service', 'instance'],
    meaning: 'Pauses of the garbage collector; `gc_type` is minor, major, incremental or weakcb.',
  },
  'v8js.memory.heap.limit': {
    kind: 'gauge',
    unit: 'By',
    labels: [],
    mayHave: ['service', 'instance'],
    meaning: 'Size that the JavaScript heap may grow to.',
  },
  'v8js.memory.heap.used': {
    kind: 'gauge',
    unit: 'By',
    labels: [],
    mayHave: ['service', 'instance'],
    meaning: 'JavaScript heap in use.',
  },
} as const

/**
 * Every metric, by name. Names follow the OpenTelemetry semantic conventions where those have one, and begin with
 * `tenfold.` where they have none. Histograms hold whole microseconds, everything else the unit of the conventions. A
 * frame with a name or label that is not here is refused, so a new metric starts with a row.
 */
export const METRICS: AllMetrics = Object.fromEntries(
  Object.entries({ ...OTHER_METRICS, ...GATEWAY_METRICS, ...SQL_METRICS, ...MESSAGING_METRICS }).toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  ),
) as AllMetrics

type AllMetrics = typeof OTHER_METRICS & typeof GATEWAY_METRICS & typeof SQL_METRICS & typeof MESSAGING_METRICS

/** The name of a metric. */
export type MetricName = keyof typeof METRICS

/** The row of a metric, or undefined when there is none of this name. */
export function metricDescription(name: string): MetricDescription | undefined {
  return Object.hasOwn(METRICS, name) ? METRICS[name as MetricName] : undefined
}
