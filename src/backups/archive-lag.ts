import type { LogPosition } from '../sql/log-position.ts'

/** What a look at the primary says. */
export interface LogReading {
  readonly atMs: number
  /** End of the log. */
  readonly position: LogPosition
  /** The next number that a transaction which changes something would get. */
  readonly nextTransaction: bigint
}

/** How far the archive is behind; immutable. */
export interface ArchiveLag {
  /** Readings that the archive does not cover yet, the oldest first. */
  readonly pending: readonly LogReading[]
  /** The latest reading that it covers. */
  readonly covered: LogReading | undefined
}

export const NO_LAG: ArchiveLag = { pending: [], covered: undefined }

/** More say nothing new: of a long row of readings every second one is dropped. */
const PENDING_MAX = 1024

/** Adds a reading of the primary. */
export function withReading(lag: ArchiveLag, reading: LogReading): ArchiveLag {
  const last = lag.pending.at(-1) ?? lag.covered
  // Without a transaction there is nothing new to lose, though the server itself writes a little.
  if (last?.nextTransaction === reading.nextTransaction) return lag
  const pending = [...lag.pending, reading]
  return { ...lag, pending: pending.length > PENDING_MAX ? thinned(pending) : pending }
}

/** The archive now holds all of the log before a position. */
export function withArchived(lag: ArchiveLag, end: LogPosition): ArchiveLag {
  const covered = lag.pending.filter(({ position }) => position <= end)
  if (covered.length === 0) return lag
  return { pending: lag.pending.slice(covered.length), covered: covered.at(-1) }
}

/**
 * The age of the oldest change that only the primary has: what would be lost with its disk now (RPO). As exact as the
 * readings are frequent; 0 when the archive has everything.
 */
export function lagMs(lag: ArchiveLag, nowMs: number): number {
  const oldest = lag.pending[0]
  return oldest === undefined ? 0 : Math.max(0, nowMs - oldest.atMs)
}

/** The first and the last stay. */
function thinned(readings: readonly LogReading[]): readonly LogReading[] {
  return readings.filter((_, index) => index % 2 === 0 || index === readings.length - 1)
}
