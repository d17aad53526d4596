import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { traceView } from '../../src/cli/trace-view.ts'
import { tracesView } from '../../src/cli/traces-view.ts'
import type { LogLine } from '../../src/control/log-source.ts'
import type { Span } from '../../src/control/span.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const START = Date.parse('2026-01-01T12:00:00Z')
const plain = (_style: unknown, text: string): string => text

function span(id: string, parent: string, changes: Partial<Span>): Span {
  return {
    traceId: TRACE,
    spanId: id,
    parentSpanId: parent,
    name: 'GET',
    kind: 'server',
    service: 'web',
    startEpochMs: START,
    durationMs: 10,
    isError: false,
    attributes: {},
    ...changes,
  }
}

const http = (path: string, status: number): Span['attributes'] => ({
  'url.path': path,
  'http.response.status_code': status,
})

/** Gateway → web → gateway → stock → SQL, as they come: in order of their start. */
const SPANS: readonly Span[] = [
  span('a', 'client', {
    service: 'gateway',
    durationMs: 350,
    isError: true,
    attributes: { ...http('/buy', 500), 'tenfold.service': 'web', 'tenfold.instance': 'web-1' },
  }),
  span('b', 'a', {
    instance: 'web-1',
    startEpochMs: START + 2,
    durationMs: 12_345,
    isError: true,
    attributes: http('/buy', 500),
  }),
  span('c', 'b', {
    kind: 'client',
    instance: 'web-1',
    startEpochMs: START + 3,
    attributes: { ...http('/stock/count', 200), 'server.address': '127.0.0.1:39575' },
  }),
  span('d', 'c', {
    service: 'gateway',
    startEpochMs: START + 4,
    attributes: { ...http('/count', 200), 'tenfold.service': 'stock', 'tenfold.instance': 'stock-1' },
  }),
  span('e', 'd', { service: 'stock', instance: 'stock-1', startEpochMs: START + 5, attributes: http('/count', 200) }),
  span('f', 'e', {
    name: 'SELECT',
    kind: 'client',
    service: 'stock',
    instance: 'stock-1',
    startEpochMs: START + 6,
    durationMs: 4.63,
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': 'orders',
      'db.query.text': 'select *\n  from orders where id = $1',
    },
  }),
  span('g', 'b', {
    name: 'POST',
    kind: 'client',
    instance: 'web-1',
    startEpochMs: START + 20,
    isError: true,
    attributes: { 'url.path': '/pay', 'server.address': 'bank.example', 'error.type': 'ConnectTimeoutError' },
  }),
]

const LINES: readonly LogLine[] = [
  { service: 'web', instance: 'web-1', line: 'no answer from the bank', atEpochMs: START + 40 },
  { service: 'stock', instance: 'stock-1', line: 'counted \u001b[31min red\u001b[0m' },
  { service: 'mail', instance: 'mail-1', line: 'told nobody' },
]

describe('a trace', () => {
  test('is shown as a tree: who caused what, when, for how long, and what was printed', async () => {
    const text = traceView({ traceId: TRACE, spans: SPANS, lines: LINES }, plain)
    await expect(`${text}\n`).toMatchFileSnapshot('golden/trace.txt')
  })

  test('is cut where lines would not fit', () => {
    const text = traceView({ traceId: TRACE, spans: SPANS, lines: LINES }, plain, 10)
    expect(text).toContain('SELECT orders  select * …\n')
    expect(text).toContain('“no answer…”')
  })

  test('is shown with every span and line once, whatever they say of each other', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd')
    const some = fc.record({ id, parent: id, instance: fc.constantFrom('web-1', 'web-2'), at: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 12 }), (shapes) => {
        const spans = shapes.map(({ id: own, parent, instance, at }, index) =>
          span(own, parent, { instance, startEpochMs: START + at, attributes: { 'url.path': `/${index}/` } }),
        )
        const lines = ['web-1', 'web-2', 'web-3'].map((instance) => ({
          service: 'web',
          instance,
          line: `by ${instance}`,
        }))
        const text = traceView({ traceId: TRACE, spans, lines }, plain)
        for (const index of spans.keys()) expect(text.split(`GET /${index}/`)).toHaveLength(2)
        for (const { line } of lines) expect(text.split(`“${line}”`)).toHaveLength(2)
      }),
    )
  })
})

test('traces are listed with their longest span', async () => {
  const traces = [
    { traceId: TRACE, longest: SPANS[0]!, spans: 7, errors: 3 },
    { traceId: TRACE.replace('4', '5'), longest: SPANS[5]!, spans: 1, errors: 0 },
  ]
  await expect(`${tracesView(traces, plain)}\n`).toMatchFileSnapshot('golden/traces.txt')
})
