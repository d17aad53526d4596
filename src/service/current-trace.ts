import { AsyncLocalStorage } from 'node:async_hooks'
import type { TraceContext } from '../core/trace-context.ts'

/** One for the process, also where the preload and the service use different copies of this package. */
const KEY = Symbol.for('tenfold.trace')
const holder = globalThis as { [KEY]?: AsyncLocalStorage<TraceContext> }

/** What carries the trace of a request through everything that it causes. */
export function traceStorage(): AsyncLocalStorage<TraceContext> {
  return (holder[KEY] ??= new AsyncLocalStorage<TraceContext>())
}

/**
 * The id of the trace that the request or event now being handled belongs to, for log lines: `tenfold logs --trace ID` finds them.
 * Undefined outside of both.
 *
 * @example console.log(JSON.stringify({ time: Date.now(), trace_id: currentTraceId(), msg: 'order placed' }))
 */
export function currentTraceId(): string | undefined {
  return holder[KEY]?.getStore()?.traceId
}
