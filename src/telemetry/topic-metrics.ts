import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { LagReader, LagReading } from '../topics/lag.ts'
import { lagBetween } from '../topics/lag.ts'
import type { LagsOfLog } from './topic-frame.ts'
import { topicFrame } from './topic-frame.ts'

/** A log whose lags are read. */
export interface WatchedLog {
  /** Of the database or server that it is in. */
  readonly name: string
  /** Where that is: a reader is made anew when it is elsewhere. */
  readonly address: string
  /** Whether the events of this topic only wait here for their own log. */
  readonly isOutbox: (topic: string) => boolean
  /** Makes a reader; it connects when it is first asked. */
  open(): OpenLagReader
}

export interface OpenLagReader extends LagReader {
  close(): Promise<void>
}

/** @see createTopicMetrics */
export interface TopicMetricsOptions {
  /** Those that answer now; asked every second. */
  readonly logs: () => readonly WatchedLog[]
  readonly append: (frame: MetricFrame) => void
  /** Gets what was read, after its frame. */
  readonly onLags?: (lags: LagsOfLog) => void
  readonly clock: Clock
}

const INTERVAL_MS = 1_000

interface Watch {
  log: WatchedLog
  readonly reader: OpenLagReader
  before: LagReading | undefined
  isAsking: boolean
}

/**
 * Reports the lags of every log once a second, and never asks again before it was answered. A log that does not answer has
 * no frames; it is asked again every second.
 */
export function createTopicMetrics({ logs, append, onLags, clock }: TopicMetricsOptions): Component {
  const watches = new Map<string, Watch>()
  const under = new Set<Promise<void>>()
  let cancel: Cancel | undefined

  async function look(watch: Watch): Promise<void> {
    watch.isAsking = true
    try {
      const now = await watch.reader.read()
      const { before, log } = watch
      if (watches.get(log.name) !== watch || cancel === undefined) return
      const lags = { log: log.name, isOutbox: log.isOutbox, before, now, groups: lagBetween(before, now) }
      append(topicFrame(lags, clock.epochMs()))
      watch.before = now
      onLags?.(lags)
    } catch {
      // Down, or too busy to say: the second without a frame tells. What comes next is not compared.
      watch.before = undefined
    } finally {
      watch.isAsking = false
    }
  }

  function lookAtAll(): void {
    const wanted = new Map(logs().map((log) => [log.name, log]))
    for (const [name, { log, reader }] of watches) {
      if (wanted.get(name)?.address === log.address) continue
      watches.delete(name)
      track(reader.close())
    }
    for (const [name, log] of wanted) {
      let watch = watches.get(name)
      if (watch === undefined) {
        watch = { log, reader: log.open(), before: undefined, isAsking: false }
        watches.set(name, watch)
      }
      watch.log = log
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
