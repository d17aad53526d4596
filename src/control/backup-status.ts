/** The backups of a database, as an operator sees them. */
export interface BackupStatus {
  /** Folder or bucket. */
  readonly where: string
  /** The newest base backup; absent: there is none yet. */
  readonly last?: { readonly name: string; readonly endedEpochMs: number; readonly sizeBytes: number }
  /** When the next one is due; absent until that is known. */
  readonly nextEpochMs?: number
  /** One is being taken. */
  readonly taking?: { readonly doneBytes: number; readonly totalBytes: number }
  /** Age of the oldest change that is not archived, where that is longer than it should be. */
  readonly behindMs?: number
  /** Log that waits for the archive beside the data, where that is much, and the room that is left there. */
  readonly spool?: { readonly waitingBytes: number; readonly freeBytes: number }
  /** Log that was dropped because what waited took too much of the disk; absent again after the next backup. */
  readonly dropped?: { readonly files: number; readonly fromLsn: string; readonly lastEpochMs: number }
  /** Why not all is well. */
  readonly problem?: string
}
