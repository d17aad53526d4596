/*
 * A backlog is not counted again and again, since each reading would cost as much as the backlog is long. It is counted
 * once, and from then on it is what it was, and what was published since, less what the group has finished. Both are seen in
 * one snapshot, so that nothing is counted twice. What that can't know (a group that was moved, slices that were dropped
 * unread) the next count finds: places are counted again in turns, and at once when the partition changes hands.
 */

/** One group on one partition, as the statement gives it; a partition without groups has a row as well. */
export interface LagRow {
  readonly topic: string
  readonly partition: number
  /** Events that were published since the last reading. */
  readonly published: number
  /** As many of them as the group has to read here. */
  readonly arrived: number
  /** Id of the group; null: the topic has none, or it has never read here. */
  readonly consumer: number | null
  readonly group_name: string | null
  readonly epoch: number
  readonly done: string
  readonly owner: string | null
  readonly dead_letters: number
  /** Counted just now: one more than the limit if there are more. */
  readonly counted: number | null
  /** The oldest event that is not finished. */
  readonly oldest_age_ms: number | null
  readonly oldest_xid: string | null
  readonly oldest_id: string | null
}

/** What is known of one group on one partition. */
export interface CountedPlace {
  readonly consumer: number
  readonly partition: number
  readonly epoch: number
  readonly done: bigint
  /** Undefined: not counted yet. */
  readonly unread: number | undefined
  readonly isMore: boolean
  /** Number of the reading in which it was counted last. */
  readonly countedIn: number
  /** Everything before it is finished while the epoch stays the same. */
  readonly oldest: { readonly xid: string; readonly id: string } | undefined
}

/** After a reading. */
export interface LagCounts {
  readonly places: ReadonlyMap<string, CountedPlace>
  /** By topic: events published since the first reading. */
  readonly published: ReadonlyMap<string, bigint>
}

/** Which places to count next, and how far. */
export interface CountPlan {
  readonly places: ReadonlySet<string>
  readonly limit: number
}

export const NOTHING_COUNTED: LagCounts = { places: new Map(), published: new Map() }

/** Events that one reading looks at for counting, at most. */
const BUDGET = 100_000
const LIMIT_MAX = 50_000
const LIMIT_MIN = 100
/** A reading without anything new to count counts some again, every so many readings. */
const SWEEP_EVERY = 10
const SWEEP_PLACES = 2

export function placeName({ consumer, partition }: { readonly consumer: number; readonly partition: number }): string {
  return `${consumer}/${partition}`
}

/**
 * What to count in a reading: what is not known, or was given up as too much and is little by now; else, now and then, what
 * was counted longest ago. Pure.
 */
export function planCounts({ places }: LagCounts, reading: number): CountPlan {
  const all = [...places]
  const wanted = all.filter(([, { unread, isMore }]) => unread === undefined || (isMore && unread < LIMIT_MIN))
  const again = all.toSorted(([, a], [, b]) => a.countedIn - b.countedIn).slice(0, SWEEP_PLACES)
  const chosen = wanted.length > 0 ? wanted : reading % SWEEP_EVERY === 0 ? again : []
  const some = chosen.slice(0, BUDGET / LIMIT_MIN)
  const limit = Math.min(LIMIT_MAX, Math.floor(BUDGET / Math.max(1, some.length)))
  return { places: new Set(some.map(([name]) => name)), limit }
}

/** What a reading adds to what is known. Pure. */
export function addReading(
  before: LagCounts,
  rows: readonly LagRow[],
  { limit, reading }: { readonly limit: number; readonly reading: number },
): LagCounts {
  const places = new Map<string, CountedPlace>()
  const published = new Map<string, bigint>()
  const seen = new Set<string>()
  for (const row of rows) {
    const partition = `${row.topic}/${row.partition}`
    // Every group of the topic has a row with the same number.
    const isFirst = !seen.has(partition)
    seen.add(partition)
    const sum = published.get(row.topic) ?? before.published.get(row.topic) ?? 0n
    published.set(row.topic, isFirst ? sum + BigInt(row.published) : sum)
    if (row.consumer === null) continue
    const name = placeName({ consumer: row.consumer, partition: row.partition })
    places.set(name, nextPlace(before.places.get(name), { ...row, consumer: row.consumer }, { limit, reading }))
  }
  return { places, published }
}

function nextPlace(
  former: CountedPlace | undefined,
  row: LagRow & { readonly consumer: number },
  { limit, reading }: { readonly limit: number; readonly reading: number },
): CountedPlace {
  const { consumer, partition, epoch, counted } = row
  const done = BigInt(row.done)
  const isSame = former?.epoch === epoch
  const oldest =
    row.oldest_xid === null || row.oldest_id === null ? undefined : { xid: row.oldest_xid, id: row.oldest_id }
  const common = { consumer, partition, epoch, done, oldest }
  if (counted !== null) {
    return { ...common, unread: Math.min(counted, limit), isMore: counted > limit, countedIn: reading }
  }
  if (former?.unread === undefined) return { ...common, unread: undefined, isMore: false, countedIn: 0 }
  const unread = former.unread + row.arrived - Number(done - former.done)
  // Whoever has taken the partition may have been given another position: counted next time.
  if (!isSame || unread < 0) return { ...common, unread: undefined, isMore: false, countedIn: 0 }
  return { ...common, unread, isMore: former.isMore, countedIn: former.countedIn }
}
