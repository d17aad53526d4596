import { Worker } from 'node:worker_threads'
import type { Cancel, Clock } from '../core/clock.ts'
import { withTimeout } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Span, TraceQuery, TraceSource, TraceSummary } from '../control/span.ts'
import type { Series, SeriesSource } from '../control/series-query.ts'
import type { HistoryLimits, HistoryStats } from './history-database.ts'
import type { HistoryMessage, HistoryRequest, HistoryWorkerData } from './history-protocol.ts'

/** The measurements of a system, kept in a file across restarts. */
export interface History extends Component, SeriesSource, TraceSource {
  /**
   * Keeps a frame; never blocks and never throws. Frames wait in memory for the file, 10 MB of them at most: when the
   * disk is slower than that, new ones are left out and counted.
   */
  append(frame: MetricFrame): void
  /** Keeps spans, on the same terms. */
  appendSpans(spans: readonly Span[]): void
  /** @throws TF_HISTORY_UNAVAILABLE */
  stats(): Promise<HistoryStats>
  /** Frames left out so far: the disk was too slow, or could not be written. */
  readonly framesDropped: number
}

/** @see createHistory */
export interface HistoryOptions {
  /** Made with its directory if it is not there. */
  readonly file: string
  readonly clock: Clock
  /** @default HISTORY_LIMITS_DEFAULT */
  readonly limits?: HistoryLimits
  /** Gets what a person should know; the same text once a minute at most. */
  readonly onNotice?: (notice: { level: 'info' | 'warning'; message: string; hint?: string; about: string }) => void
}

/** Every second for six hours, every 10 s for two days, every minute for 30 days; 256 MiB. */
export const HISTORY_LIMITS_DEFAULT: HistoryLimits = {
  keepSeconds: { 1: 6 * 3_600, 10: 2 * 86_400, 60: 30 * 86_400 },
  bytesMax: 256 * 1024 ** 2,
  spansMax: 50_000,
}

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './history-worker.ts' : './history-worker.js', import.meta.url)
const SEND_INTERVAL_MS = 1_000
/** What waits for the thread, sent or not, in units of some 100 bytes. */
const WEIGHT_WAITING_MAX = 100_000
const SPAN_WEIGHT = 8
const ANSWER_TIMEOUT_MS = 10_000
const NOTICE_PAUSE_MS = 60_000

/**
 * A history in a thread of its own. Frames are written once a second; a kill loses the last three seconds at most and
 * never the file. A file that is damaged is put aside with a notice, a disk that is full or read-only is tried again:
 * nothing of this ends or slows the system.
 */
export function createHistory(options: HistoryOptions): History {
  return new ThreadedHistory(options)
}

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
  readonly weight: number
  readonly isWrite: boolean
}

class ThreadedHistory implements History {
  readonly #options: HistoryOptions
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #cancel: Cancel | undefined
  #frames: MetricFrame[] = []
  #weightWaiting = 0
  #requests = 0
  #dropped = 0
  #notedMs = new Map<string, number>()
  #isWanted = false
  /** Whether the latest write came to the file. */
  #isKept = true
  #stopping: Promise<void> | undefined

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  get framesDropped(): number {
    return this.#dropped
  }

  async start(signal?: AbortSignal): Promise<void> {
    this.#isWanted = signal?.aborted !== true
    this.#open()
    // Who stops it in the same breath is heard.
    await Promise.resolve()
    if (!this.#isWanted || signal?.aborted === true) {
      await this.stop()
      throw new TenfoldError('TF_ABORTED', 'expected the history to open, but it was stopped')
    }
    this.#cancel ??= this.#options.clock.every(SEND_INTERVAL_MS, () => this.#send(), { unref: true })
  }

  async stop(deadlineMs: number = ANSWER_TIMEOUT_MS): Promise<void> {
    this.#isWanted = false
    this.#stopping ??= this.#close(deadlineMs).finally(() => {
      this.#stopping = undefined
    })
    await this.#stopping
  }

  append(frame: MetricFrame): void {
    const weight = weightOf(frame)
    if (this.#worker === undefined || this.#weightWaiting + weight > WEIGHT_WAITING_MAX) {
      this.#dropped += 1
      if (this.#worker !== undefined)
        this.#note('warning', 'measurements are left out of the history: the disk is too slow')
      return
    }
    this.#frames.push(frame)
    this.#weightWaiting += weight
  }

  async series(query: Parameters<SeriesSource['series']>[0]): Promise<readonly Series[]> {
    this.#send()
    return (await this.#ask({ kind: 'series', query })) as readonly Series[]
  }

  appendSpans(spans: readonly Span[]): void {
    const weight = spans.length * SPAN_WEIGHT
    if (spans.length === 0 || this.#worker === undefined || this.#weightWaiting + weight > WEIGHT_WAITING_MAX) return
    this.#weightWaiting += weight
    this.#ask({ kind: 'spans', spans }, weight).catch(() => undefined)
  }

  async trace(traceId: string): Promise<readonly Span[]> {
    return (await this.#ask({ kind: 'trace', traceId })) as readonly Span[]
  }

  async traces(query: TraceQuery): Promise<readonly TraceSummary[]> {
    return (await this.#ask({ kind: 'traces', query })) as readonly TraceSummary[]
  }

  async stats(): Promise<HistoryStats> {
    this.#send()
    return (await this.#ask({ kind: 'stats' })) as HistoryStats
  }

  #open(): void {
    if (this.#worker !== undefined || !this.#isWanted) return
    const { file, limits = HISTORY_LIMITS_DEFAULT } = this.#options
    const worker = new Worker(ENTRY, { workerData: { file, limits } satisfies HistoryWorkerData, name: 'history' })
    worker.unref()
    worker.on('message', (message: HistoryMessage) => this.#hear(message))
    worker.on('error', (error) => this.#note('warning', `the history of measurements failed: ${messageOf(error)}`))
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      for (const { reject } of this.#pending.values()) reject(unavailable('its thread has ended'))
      this.#pending.clear()
      this.#weightWaiting = 0
    })
    this.#worker = worker
  }

  #send(): void {
    // A thread that has died is followed by another.
    this.#open()
    const frames = this.#frames
    if (frames.length === 0) return
    this.#frames = []
    const weight = frames.reduce((sum, frame) => sum + weightOf(frame), 0)
    this.#ask({ kind: 'write', frames }, weight).catch(() => {
      // Why has been told by the thread.
      this.#dropped += frames.length
    })
  }

  async #ask(request: DistributiveOmit<HistoryRequest, 'id'>, weight = 0): Promise<unknown> {
    const worker = this.#worker
    if (worker === undefined) throw unavailable('it has been closed')
    const id = ++this.#requests
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#pending.set(id, { resolve, reject, weight, isWrite: request.kind === 'write' })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    worker.postMessage({ ...request, id })
    // A write waits for the disk as long as it takes: what waits is bounded by its size.
    if (request.kind === 'write' || request.kind === 'spans') return promise
    return withTimeout(this.#options.clock, ANSWER_TIMEOUT_MS, 'the history to answer', promise)
  }

  #hear(message: HistoryMessage): void {
    if (message.kind === 'opened') {
      const { putAside } = message
      if (putAside === undefined) return
      const text = `the history of measurements could not be used (${putAside.reason}) and begins anew`
      this.#note('warning', text, `the old file is ${putAside.file}; remove it if you do not need it`)
    } else if (message.kind === 'unavailable') {
      if (this.#isKept) this.#notedMs.clear()
      this.#isKept = false
      const text = `the history of measurements is not kept: ${message.reason}`
      const todo = /full/.test(message.reason) ? 'make room on the disk' : `make ${this.#options.file} writable`
      this.#note('warning', text, `${todo}; it is tried again every 10 s`)
    } else {
      const pending = this.#pending.get(message.id)
      this.#pending.delete(message.id)
      this.#weightWaiting -= pending?.weight ?? 0
      if (message.kind === 'done' && pending?.isWrite === true && !this.#isKept) {
        this.#isKept = true
        this.#notedMs.clear()
        this.#note('info', 'the history of measurements is kept again')
      }
      if (message.kind === 'done') pending?.resolve(message.result)
      else pending?.reject(errorOf(message))
    }
  }

  #note(level: 'info' | 'warning', message: string, hint?: string): void {
    const nowMs = this.#options.clock.nowMs()
    if (nowMs - (this.#notedMs.get(message) ?? Number.NEGATIVE_INFINITY) < NOTICE_PAUSE_MS) return
    if (this.#notedMs.size > 100) this.#notedMs.clear()
    this.#notedMs.set(message, nowMs)
    this.#options.onNotice?.({ level, message, about: 'history', ...(hint === undefined ? {} : { hint }) })
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    const worker = this.#worker
    if (worker === undefined) return
    const exited = new Promise<void>((resolve) => void worker.once('exit', () => resolve()))
    this.#send()
    void this.#ask({ kind: 'close' }).catch(() => undefined)
    const cancel = this.#options.clock.schedule(deadlineMs, () => void worker.terminate())
    await exited
    cancel()
  }
}

/** A sample is one unit, and so are eight buckets of a distribution. */
function weightOf({ samples }: MetricFrame): number {
  return samples.reduce((sum, sample) => sum + ('histogram' in sample ? 1 + sample.histogram.buckets.length / 8 : 1), 1)
}

type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never

function unavailable(reason: string): TenfoldError {
  return new TenfoldError('TF_HISTORY_UNAVAILABLE', `expected the history of measurements to answer, but ${reason}`, {
    hint: 'start the system with "tenfold up"',
  })
}

function errorOf({ code, message, hint }: Extract<HistoryMessage, { kind: 'failed' }>): TenfoldError {
  return new TenfoldError(code, message, hint === undefined ? {} : { hint })
}
