import type { Clock } from '../core/clock.ts'
import { createChangeSignal } from './change-signal.ts'
import { checkFrame } from './check-frame.ts'
import type { MetricFrame } from './metric-frame.ts'

/** Keeps the frames of the last minutes and hands them to readers. */
export interface FrameStore {
  /**
   * Adds a frame; the oldest leave when they are too old or too many.
   *
   * @throws TF_METRIC_UNKNOWN when it is not as the table of metrics says; then it is not added
   */
  append(frame: MetricFrame): void
  /** The frames kept whose second ended after `sinceEpochMs`, in the order they came. */
  since(sinceEpochMs: number): readonly MetricFrame[]
  /**
   * First what `since` gives, if asked for, then each frame as it comes. A reader that is slow misses frames that left
   * the store meanwhile. Ends with `signal` or `close`.
   */
  watch(options?: {
    sinceEpochMs?: number | undefined
    signal?: AbortSignal
  }): AsyncGenerator<MetricFrame, void, undefined>
  /** Ends every watch once it has given what is kept. */
  close(): void
  readonly count: number
  /** Estimated memory of the frames kept. */
  readonly bytes: number
}

/** @see createFrameStore */
export interface FrameStoreOptions {
  readonly clock: Clock
  /** How long a frame is kept. @default 900000, 15 minutes */
  readonly keepMs?: number
  /** Memory for frames; the oldest leave above it, whatever their age. @default 128 MiB */
  readonly bytesMax?: number
}

/** An empty store. */
export function createFrameStore(options: FrameStoreOptions): FrameStore {
  return new RingFrameStore(options)
}

interface Entry {
  readonly frame: MetricFrame
  /** By the monotonic clock: a wall clock set back must not keep frames for ever. */
  readonly receivedMs: number
  readonly bytes: number
}

class RingFrameStore implements FrameStore {
  readonly #clock: Clock
  readonly #keepMs: number
  readonly #bytesMax: number
  readonly #entries: Entry[] = []
  /** Sequence number of the first entry: a reader's position stays valid while entries leave. */
  #first = 0
  #bytes = 0
  #isClosed = false
  readonly #appended = createChangeSignal()

  constructor(options: FrameStoreOptions) {
    this.#clock = options.clock
    this.#keepMs = options.keepMs ?? 15 * 60_000
    this.#bytesMax = options.bytesMax ?? 128 * 1024 ** 2
  }

  append(frame: MetricFrame): void {
    checkFrame(frame)
    const entry = { frame, receivedMs: this.#clock.nowMs(), bytes: memoryOf(frame) }
    this.#entries.push(entry)
    this.#bytes += entry.bytes
    while (this.#isFirstToLeave(entry.receivedMs)) {
      this.#bytes -= this.#entries.shift()!.bytes
      this.#first += 1
    }
    this.#appended.notify()
  }

  since(sinceEpochMs: number): readonly MetricFrame[] {
    return this.#entries.filter(({ frame }) => frame.atEpochMs > sinceEpochMs).map(({ frame }) => frame)
  }

  watch(
    options: { sinceEpochMs?: number | undefined; signal?: AbortSignal } = {},
  ): AsyncGenerator<MetricFrame, void, undefined> {
    const { sinceEpochMs, signal } = options
    // Decided at the call, not at the first reading: what comes in between belongs to the watch.
    const position = sinceEpochMs === undefined ? this.#first + this.#entries.length : this.#first
    return this.#follow(position, sinceEpochMs ?? Number.NEGATIVE_INFINITY, signal)
  }

  close(): void {
    this.#isClosed = true
    this.#appended.notify()
  }

  get count(): number {
    return this.#entries.length
  }

  get bytes(): number {
    return this.#bytes
  }

  async *#follow(
    from: number,
    sinceEpochMs: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MetricFrame, void, undefined> {
    const old = this.#first + this.#entries.length
    let position = from
    for (;;) {
      if (signal?.aborted === true) return
      position = Math.max(position, this.#first)
      const entry = this.#entries[position - this.#first]
      if (entry !== undefined) {
        // A frame that came after the call is wanted, even if its clock was set back.
        const isWanted = position >= old || entry.frame.atEpochMs > sinceEpochMs
        position += 1
        if (isWanted) yield entry.frame
      } else if (this.#isClosed) return
      else await this.#appended.next(signal)
    }
  }

  #isFirstToLeave(nowMs: number): boolean {
    const first = this.#entries[0]
    if (first === undefined) return false
    return nowMs - first.receivedMs > this.#keepMs || this.#bytes > this.#bytesMax
  }
}

/** What V8 needs for a frame, roughly: 72 bytes for a pair in a list, some 300 for a sample and its labels. */
function memoryOf(frame: MetricFrame): number {
  let bytes = 200
  for (const sample of frame.samples) bytes += 300 + ('histogram' in sample ? sample.histogram.buckets.length * 72 : 0)
  return bytes
}
