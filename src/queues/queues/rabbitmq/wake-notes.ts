import type { Cancel, Clock } from '../../../core/clock.ts'

/** Says to workers of all processes when they may find something, seldom enough that it costs nothing. */
export interface WakeNotes {
  /** Items begin so much later. Returns at once. */
  say(queue: string, afterMs: number): void
  end(): void
}

/** @see createWakeNotes */
export interface WakeNotesOptions {
  readonly clock: Clock
  /** Sends when items begin, in ms from now. What it rejects with is dropped: workers look now and then by themselves. */
  send(queue: string, afterMs: readonly number[]): Promise<void>
}

/** What is said within this time is said together. */
const INTERVAL_MS = 10
/** Times are rounded up to it, so that many are few. */
const GRID_MS = 50
/** Later than this, or more times than this, and workers find it when they look. */
const AFTER_MS_MAX = 60_000
const TIMES_MAX = 100

/** The first note goes at once, those of the next interval together at its end. */
export function createWakeNotes({ clock, send }: WakeNotesOptions): WakeNotes {
  const times = new Map<string, Set<number>>()
  const pauses = new Map<string, Cancel>()
  function flush(queue: string): void {
    const afterMs = [...(times.get(queue) ?? [])]
    times.delete(queue)
    pauses.delete(queue)
    if (afterMs.length === 0) return
    pauses.set(
      queue,
      clock.schedule(INTERVAL_MS, () => flush(queue), { unref: true }),
    )
    send(queue, afterMs).catch(() => undefined)
  }
  return {
    say(queue, afterMs) {
      if (afterMs > AFTER_MS_MAX) return
      const waiting = times.get(queue) ?? new Set()
      times.set(queue, waiting)
      if (waiting.size < TIMES_MAX) waiting.add(Math.ceil(afterMs / GRID_MS) * GRID_MS)
      if (!pauses.has(queue)) flush(queue)
    },
    end() {
      for (const cancel of pauses.values()) cancel()
      pauses.clear()
    },
  }
}

/** The note as it is sent. */
export function writeWakeNote(afterMs: readonly number[]): Buffer {
  return Buffer.from(JSON.stringify(afterMs))
}

/** When items begin, in ms from now; nothing, if it is something else. */
export function readWakeNote(content: Buffer): readonly number[] {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'))
    return Array.isArray(value) ? value.filter((afterMs) => typeof afterMs === 'number').slice(0, TIMES_MAX) : []
  } catch {
    return []
  }
}
