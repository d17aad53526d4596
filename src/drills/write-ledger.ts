/**
 * What clients know about a stream of unique writes: which ones were acknowledged, and when. Held against the rows that
 * are there afterwards it says what a disaster has cost.
 */
export interface WriteLedger {
  /** A number that no other write of this ledger has. */
  begin(): number
  /** The database has confirmed it. */
  acknowledge(id: number): void
  /** The outcome is not known: the row may be there or not, and neither is a loss. */
  leaveOpen(id: number): void
  readonly acknowledged: number
  /** The longest time without an acknowledgement that began before or ended after `sinceMs`, in milliseconds. */
  longestGapMs(sinceMs: number): number
  /**
   * Holds the ledger against the rows that are there, each as often as it is there.
   *
   * @param strikeMs when the disaster happened
   * @param untilMs what was acknowledged later is not missed
   */
  compare(rows: Iterable<number>, strikeMs: number, untilMs?: number): WriteComparison
}

/** @see WriteLedger.compare */
export interface WriteComparison {
  /** Acknowledged and not there. */
  readonly lost: readonly number[]
  /** There more than once. */
  readonly duplicated: readonly number[]
  /** There although nobody has sent them, or the database had refused them. */
  readonly unknown: readonly number[]
  /** How far back the first lost acknowledgement is, seen from the disaster or the last lost one; 0 without losses. */
  readonly lossMs: number
}

/** @param nowMs a monotonic clock */
export function createWriteLedger(nowMs: () => number): WriteLedger {
  const acknowledgedMs = new Map<number, number>()
  const open = new Set<number>()
  let last = 0

  return {
    begin: () => ++last,
    acknowledge: (id) => void acknowledgedMs.set(id, nowMs()),
    leaveOpen: (id) => void open.add(id),
    get acknowledged() {
      return acknowledgedMs.size
    },
    longestGapMs(sinceMs) {
      let longest = 0
      let beforeMs = Number.NaN
      // A map keeps the order of its entries: that of the acknowledgements.
      for (const atMs of [...acknowledgedMs.values(), nowMs()]) {
        if (atMs > sinceMs && atMs - beforeMs > longest) longest = atMs - beforeMs
        beforeMs = atMs
      }
      return longest
    },
    compare(rows, strikeMs, untilMs = Infinity) {
      const seen = new Set<number>()
      const duplicated = new Set<number>()
      const unknown: number[] = []
      for (const id of rows) {
        if (seen.has(id)) duplicated.add(id)
        else if (!acknowledgedMs.has(id) && !open.has(id)) unknown.push(id)
        seen.add(id)
      }
      const lost = [...acknowledgedMs].filter(([id, atMs]) => atMs <= untilMs && !seen.has(id)).map(([id]) => id)
      const lostMs = lost.map((id) => acknowledgedMs.get(id)!)
      const lossMs = lost.length === 0 ? 0 : Math.max(strikeMs, lostMs.at(-1)!) - lostMs[0]!
      return { lost, duplicated: [...duplicated], unknown, lossMs }
    },
  }
}
