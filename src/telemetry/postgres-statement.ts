/** What one look at a server gives: levels now, and counters since its statistics were reset. */
export interface PostgresReading {
  readonly connections: Readonly<Record<string, number>>
  /** Sessions that run a statement and wait, by what for: `Lock`, `IO`, `LWLock`, … */
  readonly waits: Readonly<Record<string, number>>
  readonly locksWaiting: number
  /** Bytes that the furthest standby is behind, and for how long; absent without one. */
  readonly lagBytes: number | null
  readonly lagSeconds: number | null
  /** Measured once in a while: it looks at every file. */
  readonly sizeBytes: number | null
  /** When the counters began; they are comparable only while it is the same. */
  readonly since: string
  readonly counters: {
    readonly commits: number
    readonly rollbacks: number
    readonly blocksRead: number
    readonly blocksHit: number
    readonly rowsReturned: number
    readonly rowsInserted: number
    readonly rowsUpdated: number
    readonly rowsDeleted: number
    readonly deadlocks: number
    readonly temporaryBytes: number
    readonly walBytes: number
    readonly readBytes: number
    readonly writtenBytes: number
  }
}

/**
 * One statement for everything, of some milliseconds; `$1` says whether the size of the database is wanted. It reads
 * views that every role may read; of other roles' sessions one without `pg_monitor` sees only that they are there.
 *
 * @param version `server_version_num`: 180004
 */
export function postgresStatement(version: number): string {
  return `
    with sessions as materialized (
      select coalesce(state, 'unknown') as state, wait_event_type
      from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
    ), io as (${ioOf(version)})
    select
      coalesce((select json_object_agg(state, n) from (select state, count(*) as n from sessions group by 1) as s), '{}')
        as connections,
      coalesce((select json_object_agg(wait_event_type, n) from (
        select wait_event_type, count(*) as n from sessions
        where state = 'active' and wait_event_type is not null group by 1
      ) as w), '{}') as waits,
      (select count(*) from pg_locks where not granted)::float8 as "locksWaiting",
      case when pg_is_in_recovery() then null else (
        select max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) from pg_stat_replication
      ) end::float8 as "lagBytes",
      (select extract(epoch from max(replay_lag)) from pg_stat_replication)::float8 as "lagSeconds",
      case when $1 then pg_database_size(current_database()) end::float8 as "sizeBytes",
      concat(d.stats_reset, '/', pg_postmaster_start_time()) as since,
      json_build_object(
        'commits', d.xact_commit, 'rollbacks', d.xact_rollback,
        'blocksRead', d.blks_read, 'blocksHit', d.blks_hit,
        'rowsReturned', d.tup_returned, 'rowsInserted', d.tup_inserted,
        'rowsUpdated', d.tup_updated, 'rowsDeleted', d.tup_deleted,
        'deadlocks', d.deadlocks, 'temporaryBytes', d.temp_bytes,
        'walBytes', (select wal_bytes from pg_stat_wal),
        'readBytes', coalesce(io.read, 0), 'writtenBytes', coalesce(io.written, 0)
      ) as counters
    from pg_stat_database as d, io
    where d.datname = current_database()`
}

/** The server's traffic with the disk, or the page cache of the system in front of it. */
function ioOf(version: number): string {
  if (version >= 180_000) {
    return `select sum(read_bytes) as read, sum(write_bytes) + sum(extend_bytes) as written from pg_stat_io`
  }
  if (version >= 160_000) {
    return `select sum(reads * op_bytes) as read, sum((writes + extends) * op_bytes) as written from pg_stat_io`
  }
  return 'select null::bigint as read, null::bigint as written'
}
