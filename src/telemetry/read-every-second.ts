import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'

/** Something that is read once a second. */
export interface ReadSource<Reading> {
  readonly name: string
  /** Where it is: a reader is made anew when it is elsewhere. */
  readonly address: string
  /** Makes a reader; it connects when it is first asked. */
  open(): OpenReader<Reading>
  /** Gets each reading, and the one before it; undefined after a gap, over which nothing is to be compared. */
  took(now: Reading, before: Reading | undefined): void
}

export interface OpenReader<Reading> {
  read(): Promise<Reading>
  close(): Promise<void>
}

const INTERVAL_MS = 1_000

interface Watch<Reading> {
  source: ReadSource<Reading>
  readonly reader: OpenReader<Reading>
  before: Reading | undefined
  isAsking: boolean
}

/**
 * Reads every source once a second, and never asks again before it was answered. One that does not answer gives nothing;
 * it is asked again every second.
 *
 * @param sources those that answer now; asked every second
 */
export function readEverySecond<Reading>(sources: () => readonly ReadSource<Reading>[], clock: Clock): Component {
  const watches = new Map<string, Watch<Reading>>()
  const under = new Set<Promise<void>>()
  let cancel: Cancel | undefined

  async function look(watch: Watch<Reading>): Promise<void> {
    watch.isAsking = true
    try {
      const now = await watch.reader.read()
      const { before, source } = watch
      if (watches.get(source.name) !== watch || cancel === undefined) return
      watch.before = now
      source.took(now, before)
    } catch {
      // Down, or too busy to say: the second without a reading tells. What comes next is not compared.
      watch.before = undefined
    } finally {
      watch.isAsking = false
    }
  }

  function lookAtAll(): void {
    const wanted = new Map(sources().map((source) => [source.name, source]))
    for (const [name, { source, reader }] of watches) {
      if (wanted.get(name)?.address === source.address) continue
      watches.delete(name)
      track(reader.close())
    }
    for (const [name, source] of wanted) {
      let watch = watches.get(name)
      if (watch === undefined) {
        watch = { source, reader: source.open(), before: undefined, isAsking: false }
        watches.set(name, watch)
      }
      watch.source = source
      if (!watch.isAsking) track(look(watch))
    }
  }

  function track(work: Promise<void>): void {
    const tracked = work.catch(() => undefined).finally(() => under.delete(tracked))
    under.add(tracked)
  }

  return {
    async start(signal) {
      signal?.throwIfAborted()
      cancel ??= clock.every(INTERVAL_MS, lookAtAll, { unref: true })
    },
    async stop() {
      cancel?.()
      cancel = undefined
      for (const { reader } of watches.values()) track(reader.close())
      watches.clear()
      await Promise.all(under)
    },
  }
}
