import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Span } from '../control/span.ts'
import type { Clock } from '../core/clock.ts'
import type { TraceContext } from '../core/trace-context.ts'
import {
  childContext,
  formatTraceparent,
  newTrace,
  OTHER_SPANS_PER_SECOND_MAX,
  parseTraceparent,
  SLOW_WORK_MS,
} from '../core/trace-context.ts'
import type { StatementEvent } from '../sql/statement-event.ts'
import { STATEMENT_CHANNEL } from '../sql/statement-event.ts'
import { traceStorage } from './current-trace.ts'
import type { TracedWork } from './traced-work.ts'
import { WORK_CHANNEL } from './traced-work.ts'

/** Whose requests are traced, and where the spans go. */
export interface RequestTracingOptions {
  readonly service: string
  readonly instance: string
  readonly clock: Clock
  /** Base URLs of the services that may be called; only calls to their origins carry the trace on. */
  readonly urls: readonly string[]
  readonly add: (span: Span) => void
}

interface Work {
  readonly context: TraceContext
  readonly parentSpanId: string | undefined
  readonly startEpochMs: number
  readonly startMs: number
}

const TEXT_MAX = 500

/** What undici publishes of a request; its own types do not say so. */
interface OutgoingRequest {
  readonly origin: string | URL
  readonly method: string
  readonly path: string
  readonly headers: string | readonly string[]
  addHeader(name: string, value: string): void
}

/**
 * Follows each request that this process serves, and each event that it handles, through what it causes: outgoing `fetch`
 * calls, statements of `databases.X` and events of `publishes.X`. Makes spans of those whose trace is kept, and of a bounded number of others: what took a second, and
 * requests and calls that failed or were answered with 5xx. Never throws, and changes nothing but the `traceparent` of
 * calls to services of the system.
 */
export function installRequestTracing(options: RequestTracingOptions): void {
  const { clock, add, service, instance } = options
  const storage = traceStorage()
  const served = new WeakMap<object, Work>()
  const called = new WeakMap<object, Work>()
  const origins = new Set(options.urls.filter((url) => URL.canParse(url)).map((url) => new URL(url).origin))

  let second = 0
  let others = 0

  /** Whether a span is made of work that has ended. */
  function isWanted({ isSampled }: TraceContext, durationMs: number, hasFailed: boolean): boolean {
    if (isSampled) return true
    if (!hasFailed && durationMs < SLOW_WORK_MS) return false
    const now = Math.floor(clock.nowMs() / 1_000)
    if (now !== second) others = 0
    second = now
    return ++others <= OTHER_SPANS_PER_SECOND_MAX
  }

  function begin(context: TraceContext, parentSpanId: string | undefined): Work {
    return { context, parentSpanId, startEpochMs: clock.epochMs(), startMs: clock.nowMs() }
  }

  function end(
    { context, parentSpanId, startEpochMs, startMs }: Work,
    what: Pick<Span, 'name' | 'kind' | 'isError' | 'attributes'>,
    hasFailed: boolean,
  ): void {
    const durationMs = clock.nowMs() - startMs
    if (!isWanted(context, durationMs, hasFailed)) return
    add({
      traceId: context.traceId,
      spanId: context.spanId,
      ...(parentSpanId === undefined ? {} : { parentSpanId }),
      service,
      instance,
      startEpochMs,
      durationMs,
      ...what,
    })
  }

  on<{ request: IncomingMessage }>('http.server.request.start', ({ request }) => {
    const { traceparent } = request.headers
    const parent = typeof traceparent === 'string' ? parseTraceparent(traceparent) : undefined
    const context = parent === undefined ? newTrace(false) : childContext(parent)
    served.set(request, begin(context, parent?.spanId))
    storage.enterWith(context)
  })

  on<{ request: IncomingMessage; response: ServerResponse }>('http.server.response.finish', ({ request, response }) => {
    const work = served.get(request)
    served.delete(request)
    const isError = response.statusCode >= 500
    if (work === undefined) return
    const method = request.method ?? ''
    const attributes = {
      'http.request.method': method,
      'url.path': pathOf(request.url ?? ''),
      'http.response.status_code': response.statusCode,
    }
    end(work, { name: method, kind: 'server', isError, attributes }, isError)
  })

  on<{ request: OutgoingRequest }>('undici:request:create', ({ request }) => {
    const parent = storage.getStore()
    if (parent === undefined) return
    const context = childContext(parent)
    called.set(request, begin(context, parent.spanId))
    if (!origins.has(String(request.origin)) || hasTraceparent(request.headers)) return
    request.addHeader('traceparent', formatTraceparent(context))
  })

  on<{ request: OutgoingRequest; response: { statusCode: number } }>(
    'undici:request:headers',
    ({ request, response }) => {
      finishCall(request, { 'http.response.status_code': response.statusCode }, response.statusCode)
    },
  )

  on<{ request: OutgoingRequest; error: Error }>('undici:request:error', ({ request, error }) => {
    finishCall(request, { 'error.type': error.name }, 599)
  })

  /** @param status 599 for no answer */
  function finishCall(request: OutgoingRequest, more: Span['attributes'], status: number): void {
    const work = called.get(request)
    called.delete(request)
    if (work === undefined) return
    const { method, path, origin } = request
    const attributes = {
      'http.request.method': method,
      'url.path': pathOf(path),
      'server.address': new URL(String(origin)).host,
      ...more,
    }
    end(work, { name: method, kind: 'client', isError: status >= 400, attributes }, status >= 500)
  }

  on<TracedWork>(WORK_CHANNEL, ({ context, parentSpanId, ...work }) => {
    if (!isWanted(context, work.durationMs, work.isError)) return
    const { traceId, spanId } = context
    add({ traceId, spanId, ...(parentSpanId === undefined ? {} : { parentSpanId }), service, instance, ...work })
  })

  on<StatementEvent>(STATEMENT_CHANNEL, ({ database, text, durationMs, error }) => {
    const parent = storage.getStore()
    // A statement that failed may be how the program works: a key that is there already.
    if (parent === undefined || !isWanted(parent, durationMs, false)) return
    // The empty statement is the pool's: does the connection live?
    const name = text === '' ? 'PING' : (/^\s*([a-z]+)/i.exec(text)?.[1]?.toUpperCase() ?? 'SQL')
    const attributes = {
      'db.system.name': 'postgresql',
      'db.namespace': database,
      'db.operation.name': name,
      // With $1, $2 for values: never the values themselves.
      'db.query.text': text.slice(0, TEXT_MAX),
      ...(error === undefined ? {} : { 'error.type': error }),
    }
    add({
      ...childContextIds(parent),
      name,
      kind: 'client',
      service,
      instance,
      startEpochMs: clock.epochMs() - durationMs,
      durationMs,
      isError: error !== undefined,
      attributes,
    })
  })
}

function childContextIds(parent: TraceContext): Pick<Span, 'traceId' | 'spanId' | 'parentSpanId'> {
  const { traceId, spanId } = childContext(parent)
  return { traceId, spanId, parentSpanId: parent.spanId }
}

/** Whatever goes wrong here must not go wrong in the program that is watched. */
function on<Message>(channel: string, listener: (message: Message) => void): void {
  subscribe(channel, (message) => {
    try {
      listener(message as Message)
    } catch (error) {
      process.emitWarning(`tenfold: a request is not traced: ${String(error)}`)
    }
  })
}

/** Without the query, which may hold what is not ours to keep. */
function pathOf(target: string): string {
  return target.split('?')[0]!.slice(0, TEXT_MAX)
}

function hasTraceparent(headers: OutgoingRequest['headers']): boolean {
  if (typeof headers === 'string') return /^traceparent:/im.test(headers)
  return headers.some((text, at) => at % 2 === 0 && String(text).toLowerCase() === 'traceparent')
}
