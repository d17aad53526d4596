import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Span } from '../../src/control/span.ts'
import { createOtlpExporter } from '../../src/telemetry/otlp-exporter.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

function span(changes: Partial<Span> = {}): Span {
  return {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    name: 'GET',
    kind: 'server',
    service: 'api',
    instance: 'api-1',
    startEpochMs: 1_767_268_800_000.25,
    durationMs: 1.5,
    isError: false,
    attributes: { 'url.path': '/', 'http.response.status_code': 200 },
    ...changes,
  }
}

/** A collector that keeps what it is sent. */
async function collector(
  status = 200,
): Promise<{ url: string; bodies: { path?: string; json: unknown }[]; server: Server }> {
  const bodies: { path?: string; json: unknown }[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (piece: Buffer) => (text += piece.toString()))
    request.on('end', () => {
      bodies.push({ ...(request.url === undefined ? {} : { path: request.url }), json: JSON.parse(text) })
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, server }
}

describe('the exporter', () => {
  test('sends spans as a collector of OpenTelemetry takes them', async () => {
    const { url, bodies } = await collector()
    const exporter = createOtlpExporter({ endpoint: `${url}/`, clock: virtualClock(), onNotice: () => undefined })
    exporter.start()
    exporter.add([span(), span({ service: 'gateway', isError: true, parentSpanId: '00f067aa0ba902b8' })])
    await exporter.stop()
    expect(bodies).toHaveLength(1)
    expect(bodies[0]?.path).toBe('/v1/traces')
    expect(bodies[0]?.json).toMatchObject({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'service.name', value: { stringValue: 'api' } },
              { key: 'service.instance.id', value: { stringValue: 'api-1' } },
            ],
          },
          scopeSpans: [
            {
              spans: [
                {
                  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
                  kind: 2,
                  startTimeUnixNano: '1767268800000250000',
                  endTimeUnixNano: '1767268800001750000',
                  attributes: [{ key: 'url.path' }, { key: 'http.response.status_code', value: { intValue: '200' } }],
                },
              ],
            },
          ],
        },
        { scopeSpans: [{ spans: [{ parentSpanId: '00f067aa0ba902b8', status: { code: 2 } }] }] },
      ],
    })
  })

  test('gives a batch up that is refused, and says so once a minute', async () => {
    const clock = virtualClock()
    const notices: string[] = []
    let calls = 0
    const exporter = createOtlpExporter({
      endpoint: 'http://collector',
      clock,
      onNotice: ({ message }) => notices.push(message),
      fetch: () => {
        calls += 1
        return Promise.resolve(new Response(undefined, { status: 503 }))
      },
    })
    exporter.start()
    for (let at = 0; at < 5; at++) {
      exporter.add([span()])
      await clock.advance('2s')
    }
    expect(calls).toBe(5)
    expect(notices).toEqual(['1 spans were not taken by http://collector/v1/traces: status 503'])
    await exporter.stop()
    expect(clock.pending).toBe(0)
  })

  test('holds a bounded number of spans for a collector that does not answer', async () => {
    const clock = virtualClock()
    const sizes: number[] = []
    const exporter = createOtlpExporter({
      endpoint: 'http://collector',
      clock,
      onNotice: () => undefined,
      fetch: (_url, init) => {
        sizes.push(String(init?.body).length)
        return new Promise((_, reject) =>
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error)),
        )
      },
    })
    exporter.start()
    for (let at = 0; at < 100; at++) exporter.add(Array.from({ length: 100 }, () => span()))
    await clock.advance('60s')
    // One at a time, each given up after five seconds, 500 of the 5,500 that were taken in each.
    expect(sizes.length).toBeGreaterThan(5)
    expect(sizes.length).toBeLessThanOrEqual(11)
    const stopped = exporter.stop()
    await clock.advance('20s')
    await stopped
  })
})
