import type { Cancel, Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Span } from '../control/span.ts'
import { otlpRequest } from './otlp-request.ts'
import type { OtlpSettings } from './otlp-settings.ts'

/** Sends spans to a collector. */
export interface OtlpExporter {
  start(): void
  /** Takes spans, never blocks; of more than 5,000 that wait, the oldest are left out. */
  add(spans: readonly Span[]): void
  /** Sends what waits as long as the collector takes it, two seconds at most, and ends. */
  stop(): Promise<void>
}

/** @see createOtlpExporter */
export interface OtlpExporterOptions {
  readonly settings: OtlpSettings
  readonly clock: Clock
  readonly onNotice: (notice: { level: 'info' | 'warning'; message: string; hint?: string }) => void
  /** @default the global one */
  readonly fetch?: typeof fetch
}

const INTERVAL_MS = 2_000
const RETRY_MS_MAX = 30_000
const WAITING_MAX = 5_000
const BATCH_MAX = 500
const STOP_MS = 2_000
const NOTICE_PAUSE_MS = 60_000
/** What the protocol says is worth another try. */
const TEMPORARY = new Set([429, 502, 503, 504])

/** How the sending of a batch ended. */
type Outcome =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** @param afterMs what the collector asks for, if it does */
  | { readonly kind: 'later'; readonly reason: string; readonly afterMs: number }

/**
 * Sends spans every two seconds as OTLP/HTTP JSON (https://opentelemetry.io/docs/specs/otlp/), one request at a time.
 * While the collector does not answer, or says that it can't, spans wait and it is tried again after 2, 4, 8 … 30 s, or
 * when it says; what it refuses for good is given up. A notice once a minute says either.
 */
export function createOtlpExporter(options: OtlpExporterOptions): OtlpExporter {
  const { settings, clock, onNotice, fetch: send = fetch } = options
  const leaving = new AbortController()
  let waiting: Span[] = []
  let dropped = 0
  let sending: Promise<void> | undefined
  let cancel: Cancel | undefined
  let notedMs = Number.NEGATIVE_INFINITY
  let retryAtMs = Number.NEGATIVE_INFINITY
  let pauseMs = INTERVAL_MS

  async function post(batch: readonly Span[]): Promise<Outcome> {
    const late = new AbortController()
    const cancelLate = clock.schedule(
      settings.timeoutMs,
      () => late.abort(new Error(`no answer within ${settings.timeoutMs} ms`)),
      { unref: true },
    )
    try {
      const response = await send(settings.url, {
        method: 'POST',
        headers: { ...settings.headers, 'content-type': 'application/json' },
        body: JSON.stringify(otlpRequest(batch, settings.resource)),
        signal: AbortSignal.any([late.signal, leaving.signal]),
      })
      await response.body?.cancel()
      const { status } = response
      if (response.ok) return { kind: 'taken' }
      if (!TEMPORARY.has(status)) return { kind: 'refused', reason: `status ${status}` }
      const afterMs = 1_000 * Number(response.headers.get('retry-after') ?? 0)
      return { kind: 'later', reason: `status ${status}`, afterMs: afterMs > 0 ? afterMs : 0 }
    } catch (error) {
      return { kind: 'later', reason: reasonOf(error), afterMs: 0 }
    } finally {
      cancelLate()
    }
  }

  async function sendBatch(): Promise<boolean> {
    const batch = waiting.splice(0, BATCH_MAX)
    const outcome = await post(batch)
    if (outcome.kind === 'taken') {
      pauseMs = INTERVAL_MS
      return true
    }
    if (outcome.kind === 'later') {
      waiting = [...batch, ...waiting]
      trim()
      retryAtMs = clock.nowMs() + Math.min(RETRY_MS_MAX, Math.max(pauseMs, outcome.afterMs))
      pauseMs = Math.min(RETRY_MS_MAX, 2 * pauseMs)
    } else dropped += batch.length
    note(outcome.reason)
    return outcome.kind === 'refused'
  }

  function trim(): void {
    const tooMany = waiting.length - WAITING_MAX
    if (tooMany <= 0) return
    waiting.splice(0, tooMany)
    dropped += tooMany
  }

  function note(reason: string): void {
    if (leaving.signal.aborted || clock.nowMs() - notedMs < NOTICE_PAUSE_MS) return
    notedMs = clock.nowMs()
    const message = `traces are not taken by ${settings.url} (${reason}): ${waiting.length} spans wait, ${dropped} were given up`
    onNotice({ level: 'warning', message, hint: 'start the collector, or unset OTEL_EXPORTER_OTLP_ENDPOINT' })
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0 && (await sendBatch())) if (leaving.signal.aborted) return
  }

  function flush(): void {
    if (waiting.length === 0 || clock.nowMs() < retryAtMs) return
    // A slow collector makes sending rarer, not more at once.
    sending ??= sendAll().finally(() => {
      sending = undefined
    })
  }

  return {
    start() {
      cancel ??= clock.every(INTERVAL_MS, flush, { unref: true })
    },
    add(spans) {
      for (const span of spans) waiting.push(span)
      trim()
      if (waiting.length >= BATCH_MAX) flush()
    },
    async stop() {
      cancel?.()
      cancel = undefined
      const cancelLast = clock.schedule(STOP_MS, () => leaving.abort(new Error('the system stops')), { unref: true })
      await sending
      flush()
      await sending
      cancelLast()
    },
  }
}

/** `fetch` says why in the cause of its error. */
function reasonOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } | null }
  return typeof cause?.code === 'string' ? cause.code : messageOf(error)
}
