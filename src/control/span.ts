/** One piece of work in a trace. Names of attributes are those of the OpenTelemetry conventions. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  /** Absent in the first span of a trace. */
  readonly parentSpanId?: string
  /** Few different ones: the method, the SQL command. */
  readonly name: string
  readonly kind: (typeof KINDS)[number]
  /** `gateway`, or the service. */
  readonly service: string
  readonly instance?: string
  /** With fractions. */
  readonly startEpochMs: number
  readonly durationMs: number
  readonly isError: boolean
  readonly attributes: Readonly<Record<string, string | number>>
}

/** Requests that are served and made, events that are published and handled. */
const KINDS = ['server', 'client', 'producer', 'consumer'] as const
const ATTRIBUTES_MAX = 20
const TEXT_MAX = 1_000

/** The span, if a value from another process is one within its bounds; undefined otherwise. */
export function asSpan(value: unknown): Span | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { traceId, spanId, parentSpanId, name, kind, service, instance, ...rest } = value as Partial<Span>
  const { startEpochMs, durationMs, isError, attributes } = rest
  const isText = (text: unknown): text is string => typeof text === 'string' && text.length <= TEXT_MAX
  if (!isHex(traceId, 32) || !isHex(spanId, 16) || (parentSpanId !== undefined && !isHex(parentSpanId, 16)))
    return undefined
  if (!isText(name) || !isText(service) || (instance !== undefined && !isText(instance))) return undefined
  if (!KINDS.some((each) => each === kind)) return undefined
  if (!Number.isFinite(startEpochMs) || !Number.isFinite(durationMs) || typeof isError !== 'boolean') return undefined
  if (typeof attributes !== 'object' || attributes === null) return undefined
  const entries = Object.entries(attributes)
  if (
    entries.length > ATTRIBUTES_MAX ||
    !entries.every(([key, each]) => isText(key) && (isText(each) || Number.isFinite(each)))
  )
    return undefined
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: kind!,
    service,
    ...(instance === undefined ? {} : { instance }),
    startEpochMs: startEpochMs!,
    durationMs: durationMs!,
    isError,
    attributes,
  }
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value)
}

/** Which traces are asked for. */
export interface TraceQuery {
  /** Those with a span that began then or later. */
  readonly sinceEpochMs: number
  /** Only those that this service took part in. @default any */
  readonly service?: string | undefined
  /** How many at most. */
  readonly limit: number
}

/** A trace at a glance. */
export interface TraceSummary {
  readonly traceId: string
  /** The longest of its spans: as a rule the request as the gateway saw it. */
  readonly longest: Span
  readonly spans: number
  /** How many of its spans failed. */
  readonly errors: number
}

/** Where spans are read back. */
export interface TraceSource {
  /** The spans of a trace in the order of their start; none when nothing is known of it. */
  trace(traceId: string): Promise<readonly Span[]>
  /** The traces that are kept, slowest first. */
  traces(query: TraceQuery): Promise<readonly TraceSummary[]>
}
