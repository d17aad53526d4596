import { channel } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asSpan } from '../../src/control/span.ts'
import type { Span } from '../../src/control/span.ts'
import { systemClock } from '../../src/core/clock.ts'
import { newTrace, formatTraceparent } from '../../src/core/trace-context.ts'
import { currentTraceId } from '../../src/service/current-trace.ts'
import { installRequestTracing } from '../../src/service/request-tracing.ts'
import { STATEMENT_CHANNEL } from '../../src/sql/statement-event.ts'

const spans: Span[] = []
const received: IncomingHttpHeaders[] = []
let service: Server
let other: Server
const portOf = (server: Server): number => (server.address() as AddressInfo).port

beforeAll(async () => {
  other = createServer((request, response) => {
    received.push(request.headers)
    if (request.url === '/cut') return void response.destroy()
    response.end()
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  installRequestTracing({
    service: 'api',
    instance: 'api-1',
    clock: systemClock,
    urls: [`http://127.0.0.1:${portOf(other)}/other`],
    add: (span) => spans.push(span),
  })
  service = createServer(async (request, response) => {
    await Promise.resolve()
    if (request.url?.startsWith('/call') === true) await fetch(`http://127.0.0.1:${portOf(other)}/other/x?secret=1`)
    if (request.url === '/cut') await fetch(`http://127.0.0.1:${portOf(other)}/cut`).catch(() => undefined)
    if (request.url === '/slow-sql') {
      channel(STATEMENT_CHANNEL).publish({ database: 'orders', text: 'select 1', durationMs: 1_000 })
    }
    if (request.url === '/sql') {
      channel(STATEMENT_CHANNEL).publish({
        database: 'orders',
        text: 'select * from item where id = $1',
        durationMs: 2,
      })
    }
    response.statusCode = request.url === '/fail' ? 500 : 200
    response.end(String(currentTraceId()))
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
})

afterAll(() => {
  service.close()
  other.close()
})

beforeEach(() => {
  spans.length = 0
  received.length = 0
})

async function ask(path: string, traceparent?: string): Promise<string> {
  const headers = traceparent === undefined ? {} : { traceparent }
  return (await fetch(`http://127.0.0.1:${portOf(service)}${path}`, { headers })).text()
}

const of = (name: string): Span | undefined => spans.find((span) => span.name === name && span.service === 'api')

describe('a request whose trace is kept', () => {
  const trace = newTrace(true)
  const traceparent = formatTraceparent(trace)

  test('is a span below the one that asked', async () => {
    expect(await ask('/?password=1', traceparent)).toBe(trace.traceId)
    await expect.poll(() => spans.length).toBe(1)
    expect(spans[0]).toMatchObject({
      traceId: trace.traceId,
      parentSpanId: trace.spanId,
      name: 'GET',
      kind: 'server',
      isError: false,
      attributes: { 'url.path': '/', 'http.response.status_code': 200 },
    })
    expect(asSpan(spans[0])).toEqual(spans[0])
  })

  test('carries its trace to the services that it calls, and to each other request none of it', async () => {
    await Promise.all([ask('/call', traceparent), ask('/call')])
    await expect.poll(() => received.length).toBe(2)
    const headers = received.map((each) => String(each['traceparent']))
    const ours = headers.find((header) => header.includes(trace.traceId))
    await expect.poll(() => spans.length).toBe(3)
    const call = spans.find(({ kind, attributes }) => kind === 'client' && attributes['url.path'] === '/other/x')!
    const outer = spans.find(({ kind, spanId }) => kind === 'server' && spanId === call.parentSpanId)!
    expect(ours).toBe(`00-${trace.traceId}-${call.spanId}-01`)
    expect(outer.parentSpanId).toBe(trace.spanId)
    expect(headers.filter((header) => header.endsWith('-00'))).toHaveLength(1)
  })

  test('has its statements, with no values', async () => {
    await ask('/sql', traceparent)
    await expect.poll(() => spans.length).toBe(2)
    expect(of('SELECT')).toMatchObject({
      kind: 'client',
      durationMs: 2,
      attributes: { 'db.namespace': 'orders', 'db.query.text': 'select * from item where id = $1' },
    })
    expect(of('SELECT')?.parentSpanId).toBe(of('GET')?.spanId)
  })
})

describe('a request whose trace is not kept', () => {
  test('has an id for its log lines, and no spans', async () => {
    expect(await ask('/sql')).toMatch(/^[0-9a-f]{32}$/)
    await ask('/call')
    expect(spans).toEqual([])
    expect(currentTraceId()).toBeUndefined()
  })

  test('is kept all the same when it fails', async () => {
    await ask('/fail')
    await expect.poll(() => spans.length).toBe(1)
    expect(spans[0]).toMatchObject({ isError: true, attributes: { 'http.response.status_code': 500 } })
  })

  test('keeps its slow statements and its calls that got no answer', async () => {
    await ask('/slow-sql')
    await ask('/cut')
    await expect
      .poll(() => spans.map(({ name, isError }) => [name, isError]))
      .toEqual([
        ['SELECT', false],
        ['GET', true],
      ])
  })

  test('keeps a bounded number of them in a second', async () => {
    for (let at = 0; at < 100; at++) await ask('/fail')
    // The hundred may lie in two seconds, or, where everything is slow, in a few more.
    expect(spans.length).toBeLessThan(80)
  })
})
