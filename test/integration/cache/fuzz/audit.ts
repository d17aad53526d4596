/** A cache has answered. All times are of the machine's monotonic clock, which its processes share, in milliseconds. */
export interface ReadNote {
  readonly process: number
  readonly key: string
  readonly version: number
  readonly askedMs: number
}

/** A change is committed, and its invalidation accepted, at this moment or before. */
export interface WriteNote {
  readonly process: number
  readonly key: string
  readonly version: number
  readonly doneMs: number
}

export interface Audit {
  readonly reads: number
  readonly writes: number
  /** Answers that were older than the bound when they were asked for. */
  readonly staleReads: number
  /** Answers older than what the same process had changed before. */
  readonly ownStaleReads: number
  /** One or the other. */
  readonly wrongReads: number
  /** How old the oldest answer was: from when the next version was there to the question. */
  readonly staleMsMax: number
  /** What was found, for people; the first few. */
  readonly defects: readonly string[]
}

const DEFECTS_MAX = 10

/**
 * Compares answers with what they must have known. A write counts from when its writer knew of it, which is later than it
 * happened: so nothing is called stale that is not, whatever has held up whom.
 */
export function auditReads(reads: readonly ReadNote[], writes: readonly WriteNote[], boundMs: number): Audit {
  const byKey = Map.groupBy(writes, ({ key }) => key)
  let [staleReads, ownStaleReads, wrongReads, staleMsMax] = [0, 0, 0, 0]
  const defects: string[] = []
  for (const read of reads) {
    const missed = (byKey.get(read.key) ?? []).filter(
      ({ version, doneMs }) => version > read.version && doneMs < read.askedMs,
    )
    if (missed.length === 0) continue
    const staleMs = read.askedMs - Math.min(...missed.map(({ doneMs }) => doneMs))
    staleMsMax = Math.max(staleMsMax, staleMs)
    const isOwn = missed.some(({ process }) => process === read.process)
    if (isOwn) ownStaleReads++
    if (staleMs > boundMs) staleReads++
    if (!isOwn && staleMs <= boundMs) continue
    wrongReads++
    if (defects.length < DEFECTS_MAX) {
      defects.push(
        `process ${read.process} got version ${read.version} of ${read.key}, ${Math.round(staleMs)} ms too old${isOwn ? ', of what it had changed itself' : ''}`,
      )
    }
  }
  return { reads: reads.length, writes: writes.length, staleReads, ownStaleReads, wrongReads, staleMsMax, defects }
}
