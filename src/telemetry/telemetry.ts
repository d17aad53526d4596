import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { FrameStore } from '../control/frame-store.ts'
import type { Span, TraceSource } from '../control/span.ts'
import type { SeriesSource } from '../control/series-query.ts'
import { createOtlpExporter } from './otlp-exporter.ts'
import type { OtlpSettings } from './otlp-settings.ts'
import { createHistory } from './history.ts'
import type { HistoryLimits } from './history-database.ts'
import { createMetricsListener } from './metrics-listener.ts'
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from './prometheus-text.ts'
import { createPrometheusTotals } from './prometheus-totals.ts'
import { createSeriesLimit } from './series-limit.ts'

/** What becomes of the frames of a system: a history on disk, and a page for Prometheus. */
export interface Telemetry extends Component, SeriesSource, TraceSource {
  /** Keeps spans, and sends them on where an address is given. Never blocks; what is too much is left out. */
  addSpans(spans: readonly Span[]): void
  /** Where Prometheus finds the metrics; undefined when they are not served. */
  metricsUrl(): string | undefined
}

/** @see createTelemetry */
export interface TelemetryOptions {
  /** Every frame of these from the start on. */
  readonly frames: FrameStore
  readonly historyFile: string
  readonly historyLimits?: HistoryLimits
  /** Of the metrics page; undefined: it is not served. */
  readonly listener: { readonly port: number; readonly isPortGiven: boolean } | undefined
  /** Where spans are sent as OTLP/HTTP JSON; undefined: nowhere. */
  readonly otlp?: OtlpSettings | undefined
  readonly onNotice: (notice: { level: 'info' | 'warning'; message: string; hint?: string }) => void
  readonly clock: Clock
}

/** Different series of a system; see `createSeriesLimit` for what happens beyond it. */
const SERIES_MAX = 10_000

/**
 * Follows the frames of a system for as long as it runs. Trouble with the disk or the port is a notice, never an end:
 * `start` fails only when it is aborted.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { frames, clock, onNotice, listener } = options
  const limit = createSeriesLimit({
    seriesMax: SERIES_MAX,
    onOverflow: ({ name }, source) =>
      onNotice({
        level: 'warning',
        message: `more than ${SERIES_MAX} series are measured: ${name} of ${source} and all that follow are kept as "other"`,
        hint: 'look for a label with many values, or restart after a change of services',
      }),
  })
  const totals = createPrometheusTotals(clock)
  const history = createHistory({
    file: options.historyFile,
    clock,
    onNotice,
    ...(options.historyLimits === undefined ? {} : { limits: options.historyLimits }),
  })
  const page =
    listener === undefined
      ? undefined
      : createMetricsListener({
          ...listener,
          text: () => prometheusText(totals.families()),
          contentType: PROMETHEUS_CONTENT_TYPE,
        })
  const exporter =
    options.otlp === undefined ? undefined : createOtlpExporter({ settings: options.otlp, clock, onNotice })
  let following: AbortController | undefined
  let followed: Promise<void> = Promise.resolve()

  async function follow(signal: AbortSignal): Promise<void> {
    for await (const frame of frames.watch({ signal })) {
      for (const kept of limit.admit(frame)) {
        totals.add(kept)
        history.append(kept)
      }
    }
  }

  async function servePage(): Promise<void> {
    try {
      await page?.start()
    } catch (error) {
      const hint = error instanceof TenfoldError ? error.hint : undefined
      const message = `metrics are not served: ${messageOf(error)}`
      onNotice({ level: 'warning', message, ...(hint === undefined ? {} : { hint }) })
    }
  }

  async function stop(deadlineMs?: number): Promise<void> {
    following?.abort()
    following = undefined
    await followed
    await page?.stop()
    await exporter?.stop()
    await history.stop(deadlineMs)
  }

  return {
    async start(signal) {
      const life = new AbortController()
      following = life
      await Promise.all([history.start(signal), servePage()]).catch(async (error: unknown) => {
        await stop()
        throw error
      })
      if (life.signal.aborted || signal?.aborted === true) {
        await stop()
        throw new TenfoldError('TF_ABORTED', 'expected the telemetry to start, but it was stopped')
      }
      exporter?.start()
      followed = follow(life.signal)
    },
    stop,
    metricsUrl: () => page?.url(),
    series: (query) => history.series(query),
    trace: (traceId) => history.trace(traceId),
    traces: (query) => history.traces(query),
    addSpans(spans) {
      history.appendSpans(spans)
      exporter?.add(spans)
    },
  }
}
