import { resolve } from 'node:path'
import type { ReadBackup, ReadBackupPlace, ReadRecovery } from './grammar/backup.ts'
import type { ResolvedBackup, ResolvedBackupPlace, ResolvedRecovery } from './resolved-backup.ts'

const EVERY_MS = 86_400_000
const KEEP = { backups: 7 } as const
const WAL_EVERY_MS = 10_000
const REGION = 'us-east-1'

/** Fills the defaults of backups in. */
export function resolveBackup(read: ReadBackup, directory: string): ResolvedBackup {
  return {
    to: resolvePlace(read.to!, directory),
    everyMs: read.every ?? EVERY_MS,
    keep: read.keep ?? KEEP,
    walEveryMs: read.walEvery ?? WAL_EVERY_MS,
  }
}

/** @see ResolvedRecovery */
export function resolveRecovery({ time, loss, region }: ReadRecovery): ResolvedRecovery {
  return {
    timeMs: time,
    lossMs: loss,
    ...(region === undefined ? {} : { region: { timeMs: region.time, lossMs: region.loss } }),
  }
}

/** A folder is looked for beside the blueprint. */
export function resolvePlace(read: ReadBackupPlace, directory: string): ResolvedBackupPlace {
  if ('folder' in read) return { kind: 'folder', path: resolve(directory, read.folder) }
  const { bucket, region = REGION, endpoint, lock } = read
  return { kind: 'bucket', ...bucket!, region, endpoint, lockMs: lock }
}
