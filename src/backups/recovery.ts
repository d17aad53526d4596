import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresBinaries } from '../clusters/postgres-binaries.ts'
import { startPostmaster, stopPostmaster } from '../clusters/postmaster.ts'
import { assertSocketPath } from '../control/socket-path.ts'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { messageOf } from '../core/errors.ts'
import { findFreePort } from '../core/free-port.ts'
import type { Subprocesses } from '../core/subprocess.ts'
import { parsePosition } from '../sql/log-position.ts'

/** The means to run a server on restored data. */
export interface RecoveryMeans {
  readonly binaries: PostgresBinaries
  readonly subprocesses: Subprocesses
  readonly user: ChildUser | undefined
  /** Short, and only for `user`. */
  readonly socketDirectory: string
  readonly clock: Clock
  /** How long recovery may take. */
  readonly timeoutMs: number
}

/** A server that has recovered, and takes writes; nobody but us can reach it. */
export interface RecoveredServer {
  /** As superuser. */
  url(database: string): string
  /** Ends it in order. */
  stop(): Promise<void>
}

/** What recovery says of itself. */
export interface RecoverySummary {
  readonly fromLsn: string | undefined
  readonly toLsn: string | undefined
  readonly bytes: number
  readonly elapsedMs: number
  /** When the last transaction that was replayed had been committed; undefined: none was. */
  readonly lastCommit: string | undefined
}

/** No network, no passwords: whoever runs the server is the superuser. */
const TRUST = 'local all postgres trust\n'
const STOP_MS = 60_000

/**
 * Starts a server on a copy, which recovers to where the settings say and becomes a primary of a new timeline. Its
 * archive is off: what is tried out must not get into the repository.
 */
export async function recover(
  options: RecoveryMeans & {
    readonly name: string
    readonly dataDirectory: string
    readonly logFile: string
    readonly settings: Readonly<Record<string, string>>
    readonly signal: AbortSignal
  },
): Promise<RecoveredServer> {
  const { user, clock, socketDirectory, dataDirectory, logFile } = options
  const port = await findFreePort()
  assertSocketPath(join(socketDirectory, `.s.PGSQL.${port}.lock`))
  const accessFile = join(dataDirectory, 'pg_hba.restore.conf')
  await writeFileDurably(accessFile, TRUST, { owner: user })
  const url = (database: string): string =>
    `postgres://postgres@localhost:${port}/${database}?host=${encodeURIComponent(socketDirectory)}`
  const server = await startPostmaster({
    name: options.name,
    settings: {
      dataDirectory,
      port,
      socketDirectory,
      sharedBuffersBytes: 128 * 1024 ** 2,
      connectionsMax: 20,
      overrides: {
        listen_addresses: '',
        hba_file: accessFile,
        archive_mode: 'off',
        // One call for the whole file system, where there is one, instead of one for each file.
        ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
        // Queries have to wait for the end anyway; and the limits of the old primary do not have to be met.
        hot_standby: 'off',
        sync_replication_slots: 'off',
        synchronous_standby_names: '',
        ...options.settings,
      },
    },
    binaries: options.binaries,
    subprocesses: options.subprocesses,
    user,
    limits: undefined,
    logFile,
    clock,
    adminUrl: url('postgres'),
    startTimeoutMs: options.timeoutMs,
    signal: options.signal,
  })
  return { url, stop: () => stopPostmaster(server, clock, STOP_MS) }
}

/** Whether recovery failed only because the log ended before the target. */
export function endedBeforeTarget(error: unknown): boolean {
  return messageOf(error).includes('recovery ended before configured recovery target was reached')
}

/** What a server's log says of its last recovery. */
export async function readRecoverySummary(logFile: string): Promise<RecoverySummary> {
  return parseRecovery(await readFile(logFile, 'utf8'))
}

/** Takes the lines of a log apart. */
export function parseRecovery(log: string): RecoverySummary {
  const fromLsn = last(log, /redo starts at ([0-9A-F]+\/[0-9A-F]+)/g)
  const toLsn = last(log, /redo done at ([0-9A-F]+\/[0-9A-F]+)/g)
  const elapsed = last(log, /redo done at .* elapsed: ([\d.]+) s/g)
  const bytes = fromLsn === undefined || toLsn === undefined ? 0n : parsePosition(toLsn) - parsePosition(fromLsn)
  return {
    fromLsn,
    toLsn,
    bytes: Number(bytes),
    elapsedMs: Math.round(Number(elapsed ?? 0) * 1000),
    lastCommit: last(log, /last completed transaction was at log time (.+)/g),
  }
}

function last(log: string, pattern: RegExp): string | undefined {
  return [...log.matchAll(pattern)].at(-1)?.[1]
}
