/** What a node's server is told on its command line. */
export interface ServerSettings {
  readonly dataDirectory: string
  readonly port: number
  readonly socketDirectory: string
  readonly sharedBuffersBytes: number
  readonly connectionsMax: number
  /** Where finished parts of the log are put for an archive; undefined: nowhere. */
  readonly archive?: ArchiveSettings | undefined
  /** What is different from every other server, by the name of the setting. */
  readonly overrides?: Readonly<Record<string, string>> | undefined
}

/** How a server gives its log to an archive. */
export interface ArchiveSettings {
  /** Directory of the server's user; it has to be there. */
  readonly spoolDirectory: string
  /** A part of the log that something was written to is finished after this time at the latest. */
  readonly everyMs: number
}

/**
 * Arguments for `postgres`. They are given at each start rather than written into the data directory, so that a new
 * version of Tenfold changes them and `ALTER SYSTEM` does not.
 */
export function serverArguments(settings: ServerSettings): readonly string[] {
  const values: Readonly<Record<string, string>> = {
    port: String(settings.port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: settings.socketDirectory,
    unix_socket_permissions: '0700',
    max_connections: String(settings.connectionsMax),
    shared_buffers: `${Math.ceil(settings.sharedBuffersBytes / 1024)}kB`,
    huge_pages: 'off',
    // Moving buckets and following changes need it from day one; switching later means a restart.
    wal_level: 'logical',
    // A reader is told what is committed and not shown yet: see sql/hidden-commits.ts.
    track_commit_timestamp: 'on',
    max_wal_size: '1GB',
    // A forgotten slot must not fill the disk.
    max_slot_wal_keep_size: '2GB',
    // Equal on all nodes: a follower refuses to start with less than its primary.
    max_wal_senders: '40',
    max_replication_slots: '40',
    // Buckets of a shard may move in eight pieces at once, each with workers that apply and copy, and the way back.
    max_worker_processes: '48',
    max_logical_replication_workers: '40',
    max_active_replication_origins: '40',
    // For a node that follows: logical slots are kept ready for a promotion, and a lost primary is looked for often.
    hot_standby_feedback: 'on',
    sync_replication_slots: 'on',
    wal_retrieve_retry_interval: '500ms',
    // The copy that a follower begins with is put on the disk as a whole: a thousand flushes take seconds.
    ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
    password_encryption: 'scram-sha-256',
    // Small nodes share a machine: no extra processes for reads, no compiler for short statements.
    io_method: 'sync',
    max_parallel_workers_per_gather: '0',
    jit: 'off',
    random_page_cost: '1.1',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    logging_collector: 'off',
    log_line_prefix: '%m [%p] ',
    log_checkpoints: 'off',
    ...archiveValues(settings.archive),
    ...settings.overrides,
  }
  return [
    '-D',
    settings.dataDirectory,
    ...Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
}

function archiveValues(archive: ArchiveSettings | undefined): Readonly<Record<string, string>> {
  if (archive === undefined) return {}
  return {
    // Also while it follows: what a primary had no time to archive before it died, its follower still has.
    archive_mode: 'always',
    archive_library: 'basic_archive',
    'basic_archive.archive_directory': archive.spoolDirectory,
    // A part of the time is for what comes after: the copy into the spool, and from there into the archive.
    archive_timeout: `${Math.max(1, Math.floor((archive.everyMs * 0.8) / 1000))}s`,
  }
}
