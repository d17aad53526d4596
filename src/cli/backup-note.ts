import type { BackupStatus } from '../control/backup-status.ts'

/** What `status` says of the backups of a database. */
export function backupNote(backup: BackupStatus | undefined): string {
  if (backup === undefined) return ''
  const { last, taking, problem } = backup
  if (problem !== undefined) return `backups: ${problem}`
  if (taking !== undefined && taking.totalBytes > 0) {
    return `backup ${Math.min(100, Math.round((taking.doneBytes / taking.totalBytes) * 100))} %`
  }
  return last === undefined
    ? 'no backup yet'
    : `backup ${new Date(last.endedEpochMs).toISOString().slice(0, 16).replace('T', ' ')}Z`
}
