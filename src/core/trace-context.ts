import { uniqueId } from './random.ts'

/** Where in which trace something happens: W3C Trace Context, https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits: the span that what comes next belongs to. */
  readonly spanId: string
  /** Whether its spans are kept. */
  readonly isSampled: boolean
}

/** A later version may say more after its fields, version 00 may not. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The context that a `traceparent` header holds; undefined when it is not one. */
export function parseTraceparent(value: string): TraceContext | undefined {
  const match = value.length < 256 ? TRACEPARENT.exec(value) : null
  if (match === null || (match[1] === '00' && match[5] !== undefined)) return undefined
  return { traceId: match[2]!, spanId: match[3]!, isSampled: (Number.parseInt(match[4]!, 16) & 1) === 1 }
}

/** @example formatTraceparent(context) // '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' */
export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
}

/** Work that takes this long is kept though its trace is not: as far as there is room. */
export const SLOW_WORK_MS = 1_000

/** What is kept of traces that are not: this many spans a second of a process, so that a bad hour does not push out all others. */
export const OTHER_SPANS_PER_SECOND_MAX = 10

/** A new trace of which this is the first span. */
export function newTrace(isSampled: boolean): TraceContext {
  const traceId = uniqueId().replaceAll('-', '')
  return { traceId, spanId: newSpanId(), isSampled }
}

/** A span inside another. */
export function childContext(parent: TraceContext): TraceContext {
  return { ...parent, spanId: newSpanId() }
}

/** 16 digits; the part of a UUID that is random throughout but for two bits, which are never 0. */
export function newSpanId(): string {
  return uniqueId().slice(19).replaceAll('-', '')
}

/**
 * Whether a trace is one of the share that is kept: decided by its id, so that everybody who asks gets one answer.
 *
 * @param share from 0 to 1
 */
export function isTraceSampled(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(-8), 16) < share * 0x1_0000_0000
}
