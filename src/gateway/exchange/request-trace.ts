import type { TraceContext } from '../../core/trace-context.ts'
import { childContext, newTrace, parseTraceparent } from '../../core/trace-context.ts'

/** The gateway's own span in the trace of a request. */
export interface RequestTrace extends TraceContext {
  /** The span of whoever sent the request; absent where the trace begins here. */
  readonly parentSpanId: string | undefined
}

/**
 * Goes on with the sender's trace, and keeps it if the sender does; else begins one. Of a request whose id we made
 * ourselves the trace has the same digits, which costs nothing and makes either find the other.
 *
 * @param ownRequestId undefined where the sender has given one
 * @param isKept decides of a trace that begins here
 */
export function requestTrace(
  traceparent: string | undefined,
  ownRequestId: string | undefined,
  isKept: (traceId: string) => boolean,
): RequestTrace {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent)
  if (parent !== undefined) return { ...childContext(parent), parentSpanId: parent.spanId }
  if (ownRequestId === undefined) {
    const trace = newTrace(false)
    return { ...trace, isSampled: isKept(trace.traceId), parentSpanId: undefined }
  }
  const traceId = ownRequestId.replaceAll('-', '')
  return { traceId, spanId: traceId.slice(0, 16), isSampled: isKept(traceId), parentSpanId: undefined }
}
