import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { constants, monitorEventLoopDelay, performance, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Span } from '../control/span.ts'
import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import type { Clock } from '../core/clock.ts'
import { measureMessaging } from './messaging-telemetry.ts'
import { measureShards } from './shard-telemetry.ts'
import { measureSql } from './sql-telemetry.ts'

/** What a process reports beside its measurements. */
export interface ProcessTelemetry {
  /** Sends a span with the next frame; of more than 1,000 in a second the later are left out. */
  addSpan(span: Span): void
}

/** Who reports, and where to. */
export interface ProcessTelemetryOptions {
  readonly clock: Clock
  /** Unix socket that takes frames. */
  readonly socket: string
  /** Says to the other side which instance this is. */
  readonly token: string
  readonly service: string
  readonly instance: string
}

const INTERVAL_MS = 1_000
const SPANS_MAX = 1_000
/** A line may have 256 KiB; a span has 1 KiB at most, a few rare ones aside. */
const SPANS_PER_LINE = 100
const RETRY_LONGEST_MS = 15_000
/** A reader this far behind misses frames: old measurements are worth less than memory. */
const BACKLOG_BYTES_MAX = 256 * 1024
/** How often the delay of the event loop is looked at; each look costs a wake-up. */
const DELAY_RESOLUTION_MS = 20

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}

/**
 * Measures this process once a second and sends the frames, for as long as it lives. Never keeps the process alive,
 * never throws, and drops frames rather than let them pile up.
 */
export function startProcessTelemetry(options: ProcessTelemetryOptions): ProcessTelemetry {
  const { clock, token } = options
  const measure = createMeasurement(options)
  const spans: Span[] = []
  let socket: Socket | undefined
  let hasConnected = false
  let retryAtMs = 0
  let pauseMs = INTERVAL_MS

  function open(): void {
    const opened = connect(options.socket)
    opened.unref()
    opened.on('connect', () => {
      pauseMs = INTERVAL_MS
      hasConnected = true
      opened.write(`${JSON.stringify({ token })}\n`)
    })
    // The other side sends nothing; reading is how its end is noticed.
    opened.resume()
    opened.on('error', () => opened.destroy())
    opened.on('close', () => {
      if (socket === opened) socket = undefined
      retryAtMs = clock.nowMs() + pauseMs
      pauseMs = Math.min(pauseMs * 2, RETRY_LONGEST_MS)
    })
    socket = opened
  }

  clock.every(
    INTERVAL_MS,
    () => {
      const isSilent = socket === undefined || socket.connecting || socket.writableLength > BACKLOG_BYTES_MAX
      // What came before the first connection is told with the first frame; what comes in a later gap is lost.
      const frame = isSilent && !hasConnected ? undefined : measure()
      if (isSilent) spans.length = 0
      if (socket === undefined && clock.nowMs() >= retryAtMs) open()
      if (frame === undefined || socket === undefined || isSilent) return
      socket.write(`${JSON.stringify(frame)}\n`)
      while (spans.length > 0) socket.write(`${JSON.stringify({ spans: spans.splice(0, SPANS_PER_LINE) })}\n`)
    },
    { unref: true },
  )
  open()
  return {
    addSpan(span) {
      if (spans.length < SPANS_MAX) spans.push(span)
    },
  }
}

/** Returns what has been measured since the last call. */
function createMeasurement({ clock, service, instance }: ProcessTelemetryOptions): () => MetricFrame {
  const labels = { service, instance }
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  delay.enable()
  const pauses = observeGarbageCollector()
  const measuredSql = measureSql(labels)
  const measuredShards = measureShards(labels)
  const measuredMessaging = measureMessaging(labels)
  let utilization = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization: busy } = performance.eventLoopUtilization(now, utilization)
    utilization = now
    const heap = getHeapStatistics()
    // The histogram holds the whole gap between two looks: what is above the resolution is the delay.
    const delaySeconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - DELAY_RESOLUTION_MS / 1e3)
    const samples: MetricSample[] = [
      { name: 'nodejs.eventloop.utilization', labels, value: busy },
      { name: 'nodejs.eventloop.delay.p99', labels, value: delaySeconds(delay.percentile(99)) },
      { name: 'nodejs.eventloop.delay.max', labels, value: delaySeconds(delay.max) },
      { name: 'v8js.memory.heap.used', labels, value: heap.used_heap_size },
      { name: 'v8js.memory.heap.limit', labels, value: heap.heap_size_limit },
      ...measuredSql(),
      ...measuredShards(),
      ...measuredMessaging(),
    ]
    delay.reset()
    for (const [kind, pause] of pauses) {
      if (pause.max === 0) continue
      samples.push({ name: 'v8js.gc.duration', labels: { ...labels, gc_type: kind }, histogram: pause.serialise() })
      pause.reset()
    }
    return { atEpochMs: clock.epochMs(), source: `instance/${instance}`, samples }
  }
}

/** Pauses in microseconds, by kind. */
function observeGarbageCollector(): ReadonlyMap<string, Histogram> {
  const pauses = new Map<string, Histogram>()
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as { detail?: { kind?: number } }
      const name = GC_KINDS[detail?.kind ?? 0]
      if (name === undefined) continue
      const pause = pauses.get(name) ?? createHistogram()
      pauses.set(name, pause)
      pause.record(Math.max(1, Math.round(entry.duration * 1_000)))
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return pauses
}
