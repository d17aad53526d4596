import type { DatabaseSync } from 'node:sqlite'
import { messageOf } from '../core/errors.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Span, TraceQuery, TraceSummary } from '../control/span.ts'
import type { Series, SeriesQuery } from '../control/series-query.ts'
import type { HistoryStep, OpenedHistory } from './history-schema.ts'
import { HISTORY_STEPS, isDamage, openHistory } from './history-schema.ts'
import { addValues, rollUp } from './merge-samples.ts'
import type { StoredSamples, StoredValue } from './sample-codec.ts'
import { decodeSamples, encodeSamples } from './sample-codec.ts'
import type { SeriesRegistry } from './series-registry.ts'
import { openSeriesRegistry } from './series-registry.ts'
import type { SpanTable } from './span-table.ts'
import { openSpanTable } from './span-table.ts'
import { collectSeries, planQuery } from './collect-series.ts'

/** How much is kept. */
export interface HistoryLimits {
  /** How long each step is kept, in seconds: every second, every 10 s, every minute. */
  readonly keepSeconds: Readonly<Record<HistoryStep, number>>
  /** The file is never larger; the oldest of the finest step leaves first. */
  readonly bytesMax: number
  /** Spans that are kept, some 400 bytes each; for a day at most. */
  readonly spansMax: number
}

/** The figures of an open history. */
export interface HistoryStats {
  /** In use in the file; without what was freed and will be used again. */
  readonly bytes: number
  readonly series: number
  /** Samples taken since it was opened. */
  readonly samples: number
}

/**
 * The history in its file: synchronous, so it lives in a thread of its own. Every method throws what SQLite says (disk
 * full, damaged file); samples that could not be written then are given up, and the next call begins anew.
 */
export interface HistoryDatabase {
  readonly putAside: OpenedHistory['putAside']
  /** Takes frames; a second is written when frames that are two seconds newer have come. */
  write(frames: readonly MetricFrame[]): void
  /** Makes the longer steps, and lets go what is too old or too much. Bounded work: call it every few seconds. */
  maintain(nowEpochMs: number): void
  series(query: SeriesQuery): readonly Series[]
  /** Keeps spans; of more than `spansMax` the oldest leave. */
  addSpans(spans: readonly Span[]): void
  /** The spans of a trace in the order of their start. */
  trace(traceId: string): readonly Span[]
  /** The traces that are kept, slowest first. */
  traces(query: TraceQuery): readonly TraceSummary[]
  stats(): HistoryStats
  /** Writes what waits, and closes the file. */
  close(): void
}

/** Seconds that wait for late frames, at most. */
const WAITING_SECONDS = 2
/** Longer steps that one call of `maintain` makes, at most. */
const ROLL_UPS_MAX = 60
/** Steps that wait to be made again: more than a day of them. */
const OUTDATED_MAX = 10_000
const SPAN_SECONDS = 86_400
/** Room for what a transaction needs beside the data. */
const BYTES_TO_SPARE = 0.9

/**
 * Opens the file, or begins it.
 *
 * @param damage what was found wrong with the file while it was used: it is put aside
 * @throws what the file system says
 */
export function openHistoryDatabase(file: string, limits: HistoryLimits, damage?: string): HistoryDatabase {
  const opened = openHistory(file, limits.bytesMax, damage)
  try {
    return new SqliteHistory(opened, limits)
  } catch (error) {
    opened.db.close()
    if (!isDamage(error) || damage !== undefined) throw error
    return openHistoryDatabase(file, limits, messageOf(error))
  }
}

class SqliteHistory implements HistoryDatabase {
  readonly putAside: OpenedHistory['putAside']
  readonly #db: DatabaseSync
  readonly #limits: HistoryLimits
  #registry: SeriesRegistry
  readonly #spans: SpanTable
  readonly #waiting = new Map<number, Map<number, StoredValue>>()
  #newest = 0
  /** The second that came last, which is not the newest after the clock was set back. */
  #latest = 0
  /** Longer steps, by their ends, that seconds were added to after they had been made: the clock was set back. */
  readonly #outdated: Record<HistoryStep, Set<number>> = { 1: new Set(), 10: new Set(), 60: new Set() }
  #samples = 0

  constructor({ db, putAside }: OpenedHistory, limits: HistoryLimits) {
    this.putAside = putAside
    this.#db = db
    this.#limits = limits
    this.#registry = openSeriesRegistry(db)
    this.#spans = openSpanTable(db)
  }

  write(frames: readonly MetricFrame[]): void {
    this.#inTransaction(() => {
      for (const frame of frames) this.#take(frame)
      this.#flush(this.#newest - WAITING_SECONDS)
    })
  }

  maintain(nowEpochMs: number): void {
    const now = Math.floor(nowEpochMs / 1_000)
    for (const [index, step] of HISTORY_STEPS.entries()) {
      const longer = HISTORY_STEPS[index + 1]
      if (longer !== undefined) {
        this.#inTransaction(() => {
          this.#rollUp(step, longer)
          this.#makeAgain(step, longer)
        })
      }
      this.#db.prepare(`delete from history_${step} where at < ?`).run(now - this.#limits.keepSeconds[step])
    }
    this.#spans.prune(now - SPAN_SECONDS, this.#limits.spansMax)
    this.#registry.prune(now - Math.max(...Object.values(this.#limits.keepSeconds)) - 86_400)
    for (let round = 0; round < 20 && this.#bytes() > this.#limits.bytesMax * BYTES_TO_SPARE; round++) this.#shrink()
  }

  series(query: SeriesQuery): readonly Series[] {
    const oldest = (step: HistoryStep): number => this.#edge('min', step) ?? Number.POSITIVE_INFINITY
    const plan = planQuery(query, oldest)
    const { from, to, step } = plan
    const rows = this.#db.prepare(`select at, body from history_${step} where at > ? and at <= ? order by at`)
    return collectSeries(query, plan, this.#registry, rows.iterate(from, to) as Iterable<HistoryRow>)
  }

  addSpans(spans: readonly Span[]): void {
    this.#inTransaction(() => this.#spans.add(spans))
  }

  trace(traceId: string): readonly Span[] {
    return this.#spans.trace(traceId)
  }

  traces(query: TraceQuery): readonly TraceSummary[] {
    return this.#spans.traces(query)
  }

  stats(): HistoryStats {
    return { bytes: this.#bytes(), series: this.#registry.count, samples: this.#samples }
  }

  close(): void {
    try {
      this.#inTransaction(() => this.#flush(Number.POSITIVE_INFINITY))
    } finally {
      this.#db.close()
    }
  }

  #take({ atEpochMs, source, samples }: MetricFrame): void {
    const at = Math.ceil(atEpochMs / 1_000)
    this.#latest = at
    this.#newest = this.#waiting.size === 0 ? at : Math.max(this.#newest, at)
    let second = this.#waiting.get(at)
    if (second === undefined) {
      second = new Map()
      this.#waiting.set(at, second)
    }
    for (const sample of samples) {
      const id = this.#registry.idOf(source, sample, at)
      const value: StoredValue =
        'histogram' in sample
          ? { kind: 'histogram', histogram: sample.histogram }
          : { kind: 'number', value: sample.value }
      second.set(id, addValues(this.#registry.kindOf(id), second.get(id), value))
    }
    this.#samples += samples.length
  }

  /** Writes the seconds up to this one; frames of a second that is written already are added to it. */
  #flush(untilSeconds: number): void {
    const read = this.#db.prepare('select body from history_1 where at = ?')
    const put = this.#db.prepare('insert or replace into history_1 (at, body) values (?, ?)')
    const made = this.#edge('max', 10) ?? Number.NEGATIVE_INFINITY
    for (const [at, samples] of this.#waiting) {
      if (at > untilSeconds) continue
      if (at <= made) this.#outdate(10, at)
      const written = read.get(at)
      const all = written === undefined ? samples : this.#added(written['body'] as Uint8Array, samples)
      put.run(at, encodeSamples(all))
      this.#waiting.delete(at)
    }
  }

  #added(written: Uint8Array, samples: StoredSamples): StoredSamples {
    const all = new Map<number, StoredValue>()
    decodeSamples(written, (id, value) => all.set(id, value))
    for (const [id, value] of samples) all.set(id, addValues(this.#registry.kindOf(id), all.get(id), value))
    return all
  }

  /** Makes the rows of a longer step whose last second is some seconds old, so that late frames are in. */
  #rollUp(step: HistoryStep, longer: HistoryStep): void {
    const newest = this.#edge('max', step)
    if (newest === undefined) return
    const complete = Math.floor((newest - 3) / longer) * longer
    let done = this.#edge('max', longer) ?? Number.NEGATIVE_INFINITY
    // Made before the clock was set back: what comes now has to be summed up all the same.
    if (done > newest + 60) done = complete - longer
    const next = this.#db.prepare(`select min(at) as at from history_${step} where at > ?`)
    for (let count = 0; count < ROLL_UPS_MAX; count++) {
      const first = next.get(done === Number.NEGATIVE_INFINITY ? 0 : done)?.['at']
      if (typeof first !== 'number') return
      const end = Math.ceil(first / longer) * longer
      if (end > complete) return
      this.#make(step, longer, end)
      done = end
    }
  }

  /** Makes those again that were made before all their seconds were in, once no more of them come. */
  #makeAgain(step: HistoryStep, longer: HistoryStep): void {
    const made = longer === 10 ? this.#edge('max', 60) : undefined
    let count = 0
    for (const end of this.#outdated[longer]) {
      const isFilling = this.#latest > end - longer - WAITING_SECONDS && this.#latest <= end + WAITING_SECONDS + 1
      if (isFilling) continue
      if (++count > ROLL_UPS_MAX) return
      this.#make(step, longer, end)
      this.#outdated[longer].delete(end)
      if (made !== undefined && end <= made) this.#outdate(60, end)
    }
  }

  #outdate(longer: HistoryStep, at: number): void {
    const ends = this.#outdated[longer]
    if (ends.size < OUTDATED_MAX) ends.add(Math.ceil(at / longer) * longer)
  }

  #make(step: HistoryStep, longer: HistoryStep, end: number): void {
    const rows = this.#db.prepare(`select body from history_${step} where at > ? and at <= ?`).all(end - longer, end)
    const parts = rows.map((row) => decodeAll(row['body'] as Uint8Array))
    const put = this.#db.prepare(`insert or replace into history_${longer} (at, body) values (?, ?)`)
    put.run(end, encodeSamples(rollUp(parts, (id) => this.#registry.kindOf(id))))
  }

  /** Lets the oldest tenth of the finest step go that has much. */
  #shrink(): void {
    const step = HISTORY_STEPS.find((each) => this.#span(each) > 600 * each) ?? 1
    const oldest = this.#edge('min', step)
    if (oldest === undefined) return
    this.#db.prepare(`delete from history_${step} where at <= ?`).run(oldest + Math.ceil(this.#span(step) / 10))
  }

  #span(step: HistoryStep): number {
    return (this.#edge('max', step) ?? 0) - (this.#edge('min', step) ?? 0)
  }

  #edge(edge: 'min' | 'max', step: HistoryStep): number | undefined {
    const at = this.#db.prepare(`select ${edge}(at) as at from history_${step}`).get()?.['at']
    return typeof at === 'number' ? at : undefined
  }

  #bytes(): number {
    const pragma = (name: string): number => Number(this.#db.prepare(`pragma ${name}`).get()?.[name])
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  }

  #inTransaction(work: () => void): void {
    this.#db.exec('begin')
    try {
      work()
      this.#db.exec('commit')
    } catch (error) {
      this.#waiting.clear()
      // SQLite may have rolled back by itself, and the series of this transaction with it.
      if (this.#db.isTransaction) this.#db.exec('rollback')
      this.#registry = openSeriesRegistry(this.#db)
      throw error
    }
  }
}

interface HistoryRow {
  readonly at: number
  readonly body: Uint8Array
}

function decodeAll(body: Uint8Array): StoredSamples {
  const samples = new Map<number, StoredValue>()
  decodeSamples(body, (id, value) => samples.set(id, value))
  return samples
}
