import type { Span } from '../control/span.ts'

const KINDS = { server: 2, client: 3, producer: 4, consumer: 5 } as const
const STATUS_ERROR = 2

/**
 * An `ExportTraceServiceRequest` (https://opentelemetry.io/docs/specs/otlp/), spans grouped by who made them.
 *
 * @param resource said of all of them
 */
export function otlpRequest(spans: readonly Span[], resource: Readonly<Record<string, string>> = {}): unknown {
  const groups = Map.groupBy(spans, ({ service, instance = '' }) => `${service}\n${instance}`)
  return {
    resourceSpans: [...groups.values()].map((group) => ({
      resource: {
        attributes: attributesOf({
          ...resource,
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
