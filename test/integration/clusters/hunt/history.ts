import type { CommitStatus } from '../../../../src/sql/commit-status.ts'

/** What was seen of a cluster from outside. Times are of one monotonic clock, in ms. */
export interface History {
  readonly attempts: readonly Attempt[]
  readonly acceptances: readonly Acceptance[]
  /** Times in which no follower got anything, from after it was so to before it was not. */
  readonly alone: readonly Interval[]
  /** The same, as long as one was recorded as synchronous. */
  readonly guarded: readonly Interval[]
}

export interface Interval {
  readonly fromMs: number
  readonly toMs: number
}

/** One write of a client, of a row that nobody else writes. */
export interface Attempt extends Interval {
  readonly writer: number
  readonly seq: number
  readonly sentEpochMs: number
  /** `refused`: the client was told that nothing has happened. */
  readonly outcome: 'acknowledged' | 'refused' | 'unknown'
  /** Where, of one that was acknowledged. */
  readonly served?: Served | undefined
  /** What the client was told later of one that was `unknown`. */
  readonly judged?: CommitStatus | undefined
}

/** What a session saw of its server: the greatest row of `tenfold.term`, and the timeline of its log. */
export interface Served {
  readonly term: number
  readonly timeline: number
  readonly port: number
}

/** A server has let somebody write. */
export interface Acceptance extends Interval {
  readonly timeline: number
  readonly by: string
}

/** A row of `tenfold.term`, at the end. */
export interface Term {
  readonly term: number
  readonly node: number
  readonly beganEpochMs: number
}

/** What is there at the end: how often each row is, by `keyOf`. */
export type Rows = ReadonlyMap<string, number>

export function keyOf({ writer, seq }: { readonly writer: number; readonly seq: number }): string {
  return `${writer}/${seq}`
}

/** Clocks of two processes on one machine, read in turns. */
const CLOCK_MS = 5

/** Compares what clients were told with what is there. Returns what is wrong, for people. Pure. */
export function judgeRows({ attempts }: History, rows: Rows): readonly string[] {
  return attempts.flatMap((attempt) => {
    const count = rows.get(keyOf(attempt)) ?? 0
    const what = `write ${keyOf(attempt)} at ${Math.round(attempt.fromMs)} ms`
    if (count > 1) return [`${what} is there ${count} times`]
    if (attempt.outcome === 'acknowledged' && count === 0) return [`${what} was acknowledged, and is not there`]
    if (attempt.outcome === 'refused' && count === 1) return [`${what} had no effect, it was said, and is there`]
    if (attempt.judged === 'committed' && count === 0) return [`${what} had committed, it was said, and is not there`]
    if (attempt.judged === 'not-committed' && count === 1)
      return [`${what} had not committed, it was said, and is there`]
    return []
  })
}

/**
 * Every promotion begins a timeline. Once a server has taken a write on one, none takes a write on an earlier one: there
 * are never two that write. Pure.
 */
export function judgeWriters({ attempts, acceptances }: History): readonly string[] {
  const writes: readonly Acceptance[] = [
    ...acceptances,
    ...attempts.flatMap(({ fromMs, toMs, served, ...attempt }) =>
      served === undefined ? [] : [{ fromMs, toMs, timeline: served.timeline, by: `write ${keyOf(attempt)}` }],
    ),
  ]
  const ends = writes.toSorted((a, b) => a.toMs - b.toMs)
  const defects: string[] = []
  let next = 0
  let latest: Acceptance | undefined
  for (const write of writes.toSorted((a, b) => a.fromMs - b.fromMs)) {
    for (; next < ends.length && ends[next]!.toMs < write.fromMs; next++) {
      const ended = ends[next]!
      if (latest === undefined || ended.timeline > latest.timeline) latest = ended
    }
    if (latest === undefined || write.timeline >= latest.timeline) continue
    defects.push(
      `${write.by} was taken on timeline ${write.timeline} at ${Math.round(write.fromMs)} ms, after ${latest.by} on timeline ${latest.timeline}`,
    )
  }
  return defects
}

/** Nobody acknowledges a write that is sent after a later term than its own has begun. Pure. */
export function judgeTerms({ attempts }: History, terms: readonly Term[], portsOf: PortsOf): readonly string[] {
  const known = new Set(terms.map(({ term }) => term))
  return attempts.flatMap(({ served, sentEpochMs, ...attempt }) => {
    if (served === undefined) return []
    if (!known.has(served.term)) return [`write ${keyOf(attempt)} saw term ${served.term}, which never was`]
    const newer = terms.find(({ term, beganEpochMs }) => term > served.term && beganEpochMs + CLOCK_MS < sentEpochMs)
    // A primary takes writes a moment before it has written down its term.
    if (newer === undefined || portsOf(newer.node).has(served.port)) return []
    return [`write ${keyOf(attempt)} was acknowledged in term ${served.term}, after term ${newer.term} had begun`]
  })
}

/** The ports that a node has had. */
export type PortsOf = (node: number) => ReadonlySet<number>

/**
 * What is written while no follower gets anything is on one disk. That is never acknowledged while one is recorded as
 * synchronous, and where two disks are required not at all. Pure.
 */
export function judgeDurability({ attempts, alone, guarded }: History, isRequired: boolean): readonly string[] {
  return attempts
    .filter(({ outcome }) => outcome === 'acknowledged')
    .filter(({ fromMs, toMs }) =>
      (isRequired ? alone : guarded).some((time) => time.fromMs < fromMs && toMs < time.toMs),
    )
    .map((attempt) => `write ${keyOf(attempt)} was acknowledged while no follower could have it`)
}
