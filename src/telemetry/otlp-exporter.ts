import type { Cancel, Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Span } from '../control/span.ts'

/** Sends spans to a collector. */
export interface OtlpExporter {
  start(): void
  /** Takes spans; of more than 5,000 that wait, the later are left out. */
  add(spans: readonly Span[]): void
  /** Sends what waits, once, and ends. */
  stop(): Promise<void>
}

/** @see createOtlpExporter */
export interface OtlpExporterOptions {
  /** Base URL of the collector: `http://localhost:4318`. */
  readonly endpoint: string
  readonly clock: Clock
  readonly onNotice: (notice: { level: 'info' | 'warning'; message: string; hint?: string }) => void
  /** @default the global one */
  readonly fetch?: typeof fetch
}

const INTERVAL_MS = 2_000
const WAITING_MAX = 5_000
const BATCH_MAX = 500
const TIMEOUT_MS = 5_000
const NOTICE_PAUSE_MS = 60_000

/**
 * Sends spans every two seconds as OTLP/HTTP JSON (https://opentelemetry.io/docs/specs/otlp/), one request at a time. A
 * batch that the collector does not take within 5 s is given up, with a notice once a minute: nothing waits for it.
 */
export function createOtlpExporter(options: OtlpExporterOptions): OtlpExporter {
  const { endpoint, clock, onNotice, fetch: send = fetch } = options
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`
  const waiting: Span[] = []
  let sending: Promise<void> | undefined
  let cancel: Cancel | undefined
  let notedMs = Number.NEGATIVE_INFINITY

  async function sendBatch(): Promise<void> {
    const batch = waiting.splice(0, BATCH_MAX)
    const late = new AbortController()
    const cancelLate = clock.schedule(TIMEOUT_MS, () => late.abort(new Error(`no answer within ${TIMEOUT_MS} ms`)), {
      unref: true,
    })
    try {
      const response = await send(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(otlpRequest(batch)),
        signal: late.signal,
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`status ${response.status}`)
    } catch (error) {
      note(batch.length, error)
    } finally {
      cancelLate()
    }
  }

  function note(spans: number, error: unknown): void {
    if (clock.nowMs() - notedMs < NOTICE_PAUSE_MS) return
    notedMs = clock.nowMs()
    const hint = 'start the collector, or unset TENFOLD_OTLP_ENDPOINT'
    onNotice({ level: 'warning', message: `${spans} spans were not taken by ${url}: ${messageOf(error)}`, hint })
  }

  function flush(): Promise<void> {
    if (waiting.length === 0) return sending ?? Promise.resolve()
    // A slow collector makes sending rarer, not more at once.
    sending ??= sendBatch().finally(() => {
      sending = undefined
    })
    return sending
  }

  return {
    start() {
      cancel ??= clock.every(INTERVAL_MS, () => void flush(), { unref: true })
    },
    add(spans) {
      waiting.push(...spans.slice(0, WAITING_MAX - waiting.length))
      if (waiting.length >= BATCH_MAX) void flush()
    },
    async stop() {
      cancel?.()
      cancel = undefined
      await sending
      await flush()
    },
  }
}

const KINDS = { server: 2, client: 3 } as const
const STATUS_ERROR = 2

/** An `ExportTraceServiceRequest`, spans grouped by who made them. */
export function otlpRequest(spans: readonly Span[]): unknown {
  const resources = Map.groupBy(spans, ({ service, instance = '' }) => `${service}\n${instance}`)
  return {
    resourceSpans: [...resources.values()].map((group) => ({
      resource: {
        attributes: attributesOf({
          'service.name': group[0]!.service,
          ...(group[0]!.instance === undefined ? {} : { 'service.instance.id': group[0]!.instance }),
        }),
      },
      scopeSpans: [{ scope: { name: 'tenfold' }, spans: group.map(otlpSpan) }],
    })),
  }
}

function otlpSpan({ traceId, spanId, parentSpanId, name, kind, isError, ...span }: Span): unknown {
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(span.startEpochMs),
    endTimeUnixNano: nanoseconds(span.startEpochMs + span.durationMs),
    attributes: attributesOf(span.attributes),
    status: isError ? { code: STATUS_ERROR } : {},
  }
}

/** As text: a number of JavaScript does not hold so many digits. */
function nanoseconds(epochMs: number): string {
  return String(BigInt(Math.round(epochMs * 1_000)) * 1_000n)
}

function attributesOf(attributes: Readonly<Record<string, string | number>>): unknown {
  return Object.entries(attributes).map(([key, value]) => {
    if (typeof value === 'string') return { key, value: { stringValue: value } }
    return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } }
  })
}
