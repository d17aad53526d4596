import type { Duration } from '../core/duration.ts'

/** Backups of a database, and the archive of its log: together they lead back to any moment. */
export interface Backup {
  /**
   * Folder, made if need be, or a bucket. On another disk, best of all on another machine.
   * @example to: './backups'
   */
  to: string | BackupBucket
  /**
   * Time between base backups; a restore starts with the newest one before its target.
   * @default '1d'
   * @example every: '6h'
   */
  every?: Duration
  /**
   * How many base backups stay, or how far back a restore can go; the log that they need stays with them.
   * @default { backups: 7 }
   * @example keep: { for: '30d' }
   */
  keep?: { backups: number } | { for: Duration }
  /**
   * At the latest after this time, what was committed is on its way to the archive. Each time takes up to 16 MiB there
   * before compression, so shorter costs more.
   * @default '10s'
   * @example walEvery: '1m'
   */
  walEvery?: Duration
}

/**
 * A bucket of Amazon S3, or of a store that speaks its protocol and knows conditional writes. The keys are read from
 * `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if need be, `AWS_SESSION_TOKEN`: of the environment, or of `secrets`.
 */
export interface BackupBucket {
  /**
   * The bucket, and the beginning of all keys in it.
   * @example bucket: 's3://acme-backups/shop'
   */
  bucket: `s3://${string}`
  /**
   * Where the bucket is.
   * @default 'us-east-1'
   * @example region: 'eu-central-1'
   */
  region?: string
  /**
   * Base URL of the store; `https`, but on this machine.
   * @default Amazon's, for the region
   * @example endpoint: 'https://s3.example.com'
   */
  endpoint?: string
  /**
   * For so long nobody can remove or replace an object, not even the owner of the keys. The bucket needs object lock.
   * @default no lock
   * @example lock: '30d'
   */
  lock?: Duration
}

/** What a disaster may cost; drills hold the system to it. */
export interface Recovery {
  /**
   * Time until the database answers again.
   * @default none
   * @example time: '15m'
   */
  time?: Duration
  /**
   * Age of the oldest change that may be lost.
   * @default none
   * @example loss: '0s'
   */
  loss?: Duration
  /**
   * The same for the loss of the whole site, when only what was pulled from it is left.
   * @default none
   * @example region: { time: '1h', loss: '5m' }
   */
  region?: Pick<Recovery, 'time' | 'loss'>
}
