/** What a node's server is told on its command line. */
export interface ServerSettings {
  readonly dataDirectory: string
  readonly port: number
  readonly socketDirectory: string
  readonly sharedBuffersBytes: number
  readonly connectionsMax: number
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
    max_wal_size: '1GB',
    // A forgotten slot must not fill the disk.
    max_slot_wal_keep_size: '2GB',
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
  }
  return [
    '-D',
    settings.dataDirectory,
    ...Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
}
