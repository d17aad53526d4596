import { TenfoldError } from '../core/errors.ts'
import type { Session } from '../sql/session.ts'
import { openSession } from '../sql/session.ts'

/** Where the write-ahead log stood when a copy began. */
export interface BackupStart {
  /** `'0/2000028'`: recovery of the copy begins here. */
  readonly startLsn: string
}

/** What a copy of a running data directory needs to become a cluster. */
export interface BackupBounds extends BackupStart {
  /** The copy is consistent once recovery has reached this; all of the log from `startLsn` to here is needed. */
  readonly stopLsn: string
  /** History of the log that both positions are in. */
  readonly timeline: number
  /** Content of the file `backup_label` of the copy. A copy without it is silently broken. */
  readonly backupLabel: string
}

/** @see withBackupMode */
export interface BackupModeOptions {
  /** The running server, as superuser; a standby will do as well. */
  readonly url: string
  /** Shown in `backup_label`. */
  readonly label: string
  /** Ends the backup; `work` is expected to end by itself then. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Does `work`, the copying of a running data directory, while the server is in backup mode: from a checkpoint on, the
 * log holds whole pages, so that pages that were written while they were read are put right by recovery. One connection
 * is held throughout; if it is lost, or `work` fails, the server leaves backup mode and nothing has been changed.
 *
 * The log between the two positions is not waited for: whoever keeps the copy has to see to it.
 *
 * @throws TF_CONNECTION_LOST the server ended meanwhile, and the copy is worthless
 * @throws TF_BACKUP_REFUSED the cluster has tablespaces outside of its data directory
 * @example
 * const { bounds } = await withBackupMode({ url: cluster.adminUrl(), label: 'clone' }, () => copyDataDirectory(paths))
 */
export async function withBackupMode<Result>(
  options: BackupModeOptions,
  work: (start: BackupStart) => Promise<Result>,
): Promise<{ readonly bounds: BackupBounds; readonly result: Result }> {
  const session = await openSession({
    url: options.url,
    applicationName: 'tenfold backup',
    connectTimeoutMs: 5_000,
    // The checkpoint takes as long as the disk does.
    statementTimeoutMs: 0,
  })
  const cancel = (): void => void session.close()
  options.signal?.addEventListener('abort', cancel, { once: true })
  try {
    options.signal?.throwIfAborted()
    await refuseTablespaces(session)
    const startLsn = await start(session, options.label)
    const result = await work({ startLsn })
    const bounds = { startLsn, ...(await stop(session)) }
    return { bounds, result }
  } catch (error) {
    if (options.signal?.aborted !== true) throw error
    throw new TenfoldError('TF_ABORTED', 'expected the backup to end, but it was cancelled', { cause: error })
  } finally {
    options.signal?.removeEventListener('abort', cancel)
    await session.close()
  }
}

/** The line `START TIMELINE: 1` of a `backup_label`. */
export function timelineOfLabel(backupLabel: string): number {
  const timeline = Number(/^START TIMELINE: (\d+)$/m.exec(backupLabel)?.[1])
  if (!Number.isInteger(timeline)) throw new Error(`expected a backup_label with a timeline, got ${backupLabel}`)
  return timeline
}

async function refuseTablespaces(session: Session): Promise<void> {
  const { rows } = await session.query<{ name: string }>(
    `select spcname as name from pg_tablespace where spcname not in ('pg_default', 'pg_global')`,
  )
  if (rows[0] === undefined) return
  throw new TenfoldError(
    'TF_BACKUP_REFUSED',
    `expected all data to be in the data directory, but tablespace ${rows[0].name} is not`,
    { hint: `move its tables back ("alter table … set tablespace pg_default") and drop tablespace ${rows[0].name}` },
  )
}

async function start(session: Session, label: string): Promise<string> {
  // `fast`: the checkpoint is made now, not spread over minutes.
  const { rows } = await session.query<{ lsn: string }>('select pg_backup_start($1, fast => true)::text as lsn', [
    label,
  ])
  return rows[0]!.lsn
}

async function stop(session: Session): Promise<Omit<BackupBounds, 'startLsn'>> {
  const { rows } = await session.query<{ lsn: string; label: string }>(
    'select lsn::text as lsn, labelfile as label from pg_backup_stop(wait_for_archive => false)',
  )
  const { lsn, label } = rows[0]!
  return { stopLsn: lsn, timeline: timelineOfLabel(label), backupLabel: label }
}
