/** Backups of a database, after `check`. */
export interface ResolvedBackup {
  readonly to: ResolvedBackupPlace
  readonly everyMs: number
  readonly keep: { readonly backups: number } | { readonly forMs: number }
  readonly walEveryMs: number
}

export type ResolvedBackupPlace = { readonly kind: 'folder'; /** Absolute. */ readonly path: string } | ResolvedBucket

export interface ResolvedBucket {
  readonly kind: 'bucket'
  readonly name: string
  /** Of all keys, without `/` at its end; may be empty. */
  readonly prefix: string
  readonly region: string
  /** Undefined: Amazon's. */
  readonly endpoint: string | undefined
  /** How long nobody can remove an object; undefined: no lock. */
  readonly lockMs: number | undefined
}

/** What a disaster may cost, after `check`; undefined: nothing was said. */
export interface ResolvedRecovery extends ResolvedTargets {
  /** The same for the loss of the whole site. */
  readonly region?: ResolvedTargets
}

interface ResolvedTargets {
  readonly timeMs: number | undefined
  readonly lossMs: number | undefined
}
