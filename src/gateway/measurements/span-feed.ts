import type { Cancel, Clock } from '../../core/clock.ts'
import { OTHER_SPANS_PER_SECOND_MAX, SLOW_WORK_MS } from '../../core/trace-context.ts'
import type { Span } from '../../control/span.ts'
import type { RequestTrace } from '../exchange/request-trace.ts'

/** One request that has ended, as the gateway saw it. */
export interface TracedRequest {
  readonly trace: RequestTrace
  readonly method: string
  /** Path and query; only the path is kept. */
  readonly target: string
  readonly service: string
  readonly instance: string | undefined
  readonly status: number
  readonly durationMs: number
}

/** Spans on their way to the control plane. */
export interface SpanFeed {
  /** Makes a span of a request; ask `isTraced` before. */
  add(request: TracedRequest): void
  /** What has come, once a second, be it nothing; the last who began to read gets it, the one before ends. */
  batches(): AsyncGenerator<readonly Span[], void, undefined>
  end(): void
}

/** Spans that wait; of more in a second, or without a reader, the later are left out. */
const WAITING_MAX = 1_000
const BATCH_MS = 1_000
const PATH_MAX = 500

/** Whether a request has a span: its trace is kept, or it was slow, or answered with 5xx. */
export function isTraced(trace: RequestTrace, status: number, durationMs: number): boolean {
  return trace.isSampled || status >= 500 || durationMs >= SLOW_WORK_MS
}

export function createSpanFeed(clock: Clock): SpanFeed {
  const waiting: Span[] = []
  let hasEnded = false
  let others = 0
  let reader = 0
  let wake = (): void => undefined
  const cancel: Cancel = clock.every(
    BATCH_MS,
    () => {
      others = 0
      wake()
    },
    { unref: true },
  )

  async function* batches(): AsyncGenerator<readonly Span[], void, undefined> {
    const ours = ++reader
    wake()
    for (;;) {
      if (hasEnded) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      if (hasEnded || reader !== ours) return
      yield waiting.splice(0)
    }
  }

  return {
    add({ trace, method, target, service, instance, status, durationMs }) {
      if (waiting.length >= WAITING_MAX || (!trace.isSampled && ++others > OTHER_SPANS_PER_SECOND_MAX)) return
      const { traceId, spanId, parentSpanId } = trace
      const query = target.indexOf('?')
      waiting.push({
        traceId,
        spanId,
        ...(parentSpanId === undefined ? {} : { parentSpanId }),
        name: method,
        kind: 'server',
        service: 'gateway',
        startEpochMs: clock.epochMs() - durationMs,
        durationMs,
        isError: status >= 500,
        attributes: {
          'http.request.method': method,
          'url.path': (query < 0 ? target : target.slice(0, query)).slice(0, PATH_MAX),
          'http.response.status_code': status,
          'tenfold.service': service,
          ...(instance === undefined ? {} : { 'tenfold.instance': instance }),
        },
      })
    },
    batches,
    end() {
      hasEnded = true
      cancel()
      wake()
    },
  }
}
