import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { scramVerifier } from '../clusters/scram-verifier.ts'
import { withSession } from '../clusters/set-up-session.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError } from '../core/errors.ts'
import { secretToken } from '../core/random.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import { openSession } from '../sql/session.ts'
import { readCatalog } from './catalog.ts'
import type { CheckedData } from './check-data.ts'
import { checkData } from './check-data.ts'
import { copyBase } from './copy-base.ts'
import type { Lineage } from './lineage.ts'
import { keysOf } from './lineage.ts'
import type { BackupManifest } from './manifest.ts'
import type { RecoveredServer, RecoveryMeans, RecoverySummary } from './recovery.ts'
import { endedBeforeTarget, readRecoverySummary, recover } from './recovery.ts'
import type { BackupRepository } from './repository.ts'
import type { RestorePlan } from './restore-plan.ts'
import { beyondHole, planRestore } from './restore-plan.ts'
import type { RestoreTarget } from './restore-target.ts'
import { historyName, SEGMENT_BYTES } from './wal-names.ts'
import { startWalFeed } from './wal-feed.ts'
import type { WorkProgress } from './work-progress.ts'
import { progressOf } from './work-progress.ts'

/** @see restore */
export interface RestoreOptions extends RecoveryMeans {
  readonly repository: BackupRepository
  readonly lineage: Lineage
  readonly target: RestoreTarget
  /** @default the latest */
  readonly timeline?: number | undefined
  /** Made here; must not exist. The server's user has to be able to get into its parent. */
  readonly directory: string
  /** New passwords of the superuser and of the database's owner; undefined: those of the backup stay. */
  readonly passwords?: { readonly superuser: string; readonly owner: string } | undefined
  /** Whether each row is looked for in each index, too. */
  readonly isThorough: boolean
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: WorkProgress) => void) | undefined
  /** Told the data while a server runs on it, for more checks. */
  readonly inspect?: ((url: string) => Promise<void>) | undefined
}

/** What became of it. */
export interface RestoredData {
  /** Ready for a server. */
  readonly dataDirectory: string
  readonly backup: BackupManifest
  readonly reason: string
  /** Of the restored data: its history is its own from here on. */
  readonly timeline: number
  /** Where the log ended; a time that was asked for may be later. */
  readonly isEndOfLog: boolean
  readonly replay: RecoverySummary
  readonly checked: CheckedData
  /** From the call until the copy was compared and on the disk. */
  readonly copyMs: number
  /** From the call until the data could be used. */
  readonly totalMs: number
}

/**
 * Makes a data directory from a repository: copies the backup and compares every file with what was written, replays
 * the log up to the target, and looks at every table and index. Nothing else is touched; when it fails, what it made is
 * removed.
 *
 * @throws TF_BACKUP_DAMAGED naming the file, TF_BACKUP_INCOMPLETE, TF_RESTORE_TARGET_UNREACHABLE, TF_DATA_CORRUPT
 */
export async function restore(options: RestoreOptions): Promise<RestoredData> {
  try {
    return await restoreInto(options)
  } catch (error) {
    await rm(options.directory, { recursive: true, force: true })
    if (!options.signal.aborted) throw error
    throw new TenfoldError('TF_ABORTED', 'expected the restore to end, but it was cancelled', { cause: error })
  }
}

async function restoreInto(options: RestoreOptions): Promise<RestoredData> {
  const { repository, lineage, clock, directory, user } = options
  const startMs = clock.nowMs()
  const catalog = await readCatalog(repository, lineage)
  const plan = planRestore(catalog, options.target, options.timeline)
  const dataDirectory = join(directory, 'data')
  const logFile = join(directory, 'recovery.log')
  await mkdir(directory)
  await chmod(directory, user === undefined ? 0o700 : 0o711)
  await copyBase({ ...options, logFile }, plan.backup, dataDirectory)
  const copyMs = clock.nowMs() - startMs
  const { server, isEndOfLog } = await replay(options, plan, catalog.wal, { dataDirectory, logFile })
  let checked: CheckedData
  let timeline: number
  try {
    if (options.passwords !== undefined) {
      await setPasswords(server.url('postgres'), lineage.database, options.passwords)
      await beginTerm(server.url(lineage.database))
    }
    const session = await openSession({
      url: server.url(lineage.database),
      applicationName: 'tenfold restore',
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 0,
    })
    try {
      checked = await checkData(session, options.isThorough)
      const { rows } = await session.query<{ name: string }>('select pg_walfile_name(pg_current_wal_lsn()) as name')
      timeline = Number.parseInt(rows[0]!.name.slice(0, 8), 16)
    } finally {
      await session.close()
    }
    await options.inspect?.(server.url(lineage.database))
  } finally {
    await server.stop()
  }
  const summary = await readRecoverySummary(logFile)
  await rm(join(dataDirectory, 'pg_hba.restore.conf'), { force: true })
  // What the backed-up node was told of others.
  await rm(join(dataDirectory, 'tenfold.conf'), { force: true })
  await askToArchive(dataDirectory, timeline, user)
  const totalMs = clock.nowMs() - startMs
  const { backup, reason } = plan
  return { dataDirectory, backup, reason, timeline, isEndOfLog, replay: summary, checked, copyMs, totalMs }
}

/** Recovers; to a time after the last transaction by replaying all there is. */
async function replay(
  options: RestoreOptions,
  plan: RestorePlan,
  wal: ReadonlySet<string>,
  { dataDirectory, logFile }: { readonly dataDirectory: string; readonly logFile: string },
): Promise<{ readonly server: RecoveredServer; readonly isEndOfLog: boolean }> {
  const { repository, lineage, user, clock, target } = options
  const report = progressOf('replaying', clock, options.onProgress)
  const totalBytes = plan.segments.length * Number(SEGMENT_BYTES)
  const feed = await startWalFeed({
    directory: join(options.directory, 'log'),
    user,
    repository,
    keys: keysOf(lineage),
    wal,
    segments: plan.segments,
    clock,
    onHanded(handed) {
      report(Math.min(totalBytes, handed * Number(SEGMENT_BYTES)), totalBytes)
    },
  })
  const attempt = (settings: Readonly<Record<string, string>>): Promise<RecoveredServer> =>
    recover({
      ...options,
      name: `${lineage.database}-restore`,
      dataDirectory,
      logFile,
      settings: {
        restore_command: feed.command,
        recovery_target_timeline: options.timeline === undefined ? 'latest' : String(options.timeline),
        recovery_target_action: 'promote',
        ...settings,
      },
    })
  try {
    return { server: await attempt(plan.settings), isEndOfLog: Object.keys(plan.settings).length === 0 }
  } catch (error) {
    if (feed.failure !== undefined) throw feed.failure
    if (!endedBeforeTarget(error)) throw error
    const { hole } = plan
    const isTime = target.kind === 'time'
    if (hole === undefined && !isTime) throw targetBeyondLog(error)
    // What was committed before that time may be missing.
    if (hole !== undefined && isTime) throw beyondHole(options, hole, (await readRecoverySummary(logFile)).lastCommit)
    // Nothing was committed after that time, or no record begins at a position before the hole: it is the state wanted.
    return { server: await attempt({}), isEndOfLog: true }
  } finally {
    await feed.stop()
  }
}

async function setPasswords(
  url: string,
  owner: string,
  passwords: { readonly superuser: string; readonly owner: string },
): Promise<void> {
  await withSession(url, async (session) => {
    for (const [role, password] of [
      ['postgres', passwords.superuser],
      [owner, passwords.owner],
    ] as const) {
      const verifier = scramVerifier(password, Buffer.from(secretToken(16), 'base64url'))
      await session.query(`alter role ${quoteIdentifier(role)} password '${verifier}'`)
    }
  })
}

/** A term that nobody has seen, also where the record of the cluster is gone: what was read before is of another history. */
async function beginTerm(url: string): Promise<void> {
  await withSession(url, async (session) => {
    const { rows } = await session.query<{ there: boolean }>(`select to_regclass('tenfold.term') is not null as there`)
    if (rows[0]?.there !== true) return
    await session.query('insert into tenfold.term (term, node) select coalesce(max(term), 0) + 1, 1 from tenfold.term')
  })
}

/** The server that starts here archives first how its timeline came to be; recovery ran with the archive off. */
async function askToArchive(
  dataDirectory: string,
  timeline: number,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  await writeFileDurably(join(dataDirectory, 'pg_wal/archive_status', `${historyName(timeline)}.ready`), '', { owner })
}

function targetBeyondLog(cause: unknown): TenfoldError {
  return new TenfoldError(
    'TF_RESTORE_TARGET_UNREACHABLE',
    'expected the log to reach the target, but what was archived ends before it',
    { hint: 'restore --to latest for all there is', cause },
  )
}
