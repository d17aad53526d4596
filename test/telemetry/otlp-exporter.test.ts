import type { IncomingHttpHeaders, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Span } from '../../src/control/span.ts'
import type { OtlpExporter } from '../../src/telemetry/otlp-exporter.ts'
import { createOtlpExporter } from '../../src/telemetry/otlp-exporter.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
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

interface Received {
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly json: unknown
}

/** A collector that keeps what it is sent. */
async function collector(status = 200): Promise<{ url: string; bodies: Received[]; server: Server }> {
  const bodies: Received[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (piece: Buffer) => (text += piece.toString()))
    request.on('end', () => {
      bodies.push({ path: request.url, headers: request.headers, json: JSON.parse(text) })
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
    const settings = {
      url: `${url}/v1/traces`,
      headers: { 'api-key': 'k' },
      timeoutMs: 5_000,
      resource: { team: 'shop' },
    }
    const exporter = createOtlpExporter({ settings, clock: virtualClock(), onNotice: () => undefined })
    exporter.start()
    exporter.add([span(), span({ service: 'gateway', isError: true, parentSpanId: '00f067aa0ba902b8' })])
    await exporter.stop()
    expect(bodies).toHaveLength(1)
    expect(bodies[0]?.path).toBe('/v1/traces')
    expect(bodies[0]?.headers).toMatchObject({ 'api-key': 'k', 'content-type': 'application/json' })
    expect(bodies[0]?.json).toMatchObject({
      resourceSpans: [
        {
          resource: {
            attributes: [
              { key: 'team', value: { stringValue: 'shop' } },
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

  test('gives a batch up that is refused for good, and says so once a minute', async () => {
    const { clock, exporter, notices, sizes } = stage(() => Promise.resolve(new Response(undefined, { status: 400 })))
    exporter.start()
    for (let at = 0; at < 5; at++) {
      exporter.add([span()])
      await clock.advance('2s')
    }
    expect(sizes).toEqual([1, 1, 1, 1, 1])
    expect(notices).toEqual([
      'traces are not taken by http://collector/v1/traces (status 400): 0 spans wait, 1 were given up',
    ])
    await exporter.stop()
    expect(clock.pending).toBe(0)
  })

  test('tries again, less and less often, while the collector is away, and loses nothing', async () => {
    let isAway = true
    const { clock, exporter, notices, sizes } = stage(() =>
      isAway
        ? Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }))
        : Promise.resolve(new Response('{}')),
    )
    exporter.start()
    for (let at = 0; at < 30; at++) {
      exporter.add([span()])
      await clock.advance('2s')
    }
    // After 2, 4, 8, 16 and 30 s, the first within two.
    expect(sizes).toEqual([1, 2, 4, 8, 16])
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain('(ECONNREFUSED): 1 spans wait, 0 were given up')
    isAway = false
    await clock.advance('30s')
    expect(sizes.at(-1)).toBe(30)
    exporter.add([span()])
    await clock.advance('2s')
    expect(sizes.at(-1)).toBe(1)
    await exporter.stop()
  })

  test('waits as long as a collector under load asks for', async () => {
    const headers = { 'retry-after': '20' }
    const { clock, exporter, sizes } = stage(() => Promise.resolve(new Response(undefined, { status: 429, headers })))
    exporter.start()
    exporter.add([span()])
    await clock.advance('20s')
    expect(sizes).toHaveLength(1)
    await clock.advance('4s')
    expect(sizes).toHaveLength(2)
    await exporter.stop()
  })

  test('holds a bounded number of spans for a collector that does not answer, the latest', async () => {
    const { clock, exporter, sizes, bodies } = stage(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    )
    exporter.start()
    for (let at = 0; at < 100; at++) exporter.add(Array.from({ length: 100 }, () => span({ durationMs: at })))
    await clock.advance('120s')
    expect(sizes.length).toBeGreaterThan(2)
    expect(sizes.every((size) => size === 500)).toBe(true)
    // Of 10,000 the first 5,000 have left.
    expect(bodies.at(-1)).toContain(JSON.stringify(String(BigInt(1_767_268_800_000_250 + 50_000) * 1_000n)))
    const stopped = exporter.stop()
    await clock.advance('2s')
    await stopped
    expect(clock.pending).toBe(0)
  })
})

/** An exporter whose collector answers as it is told, and what it was sent. */
function stage(answer: (signal: AbortSignal) => Promise<Response>): {
  clock: VirtualClock
  exporter: OtlpExporter
  notices: string[]
  sizes: number[]
  bodies: string[]
} {
  const clock = virtualClock()
  const notices: string[] = []
  const sizes: number[] = []
  const bodies: string[] = []
  const exporter = createOtlpExporter({
    settings: { url: 'http://collector/v1/traces', headers: {}, timeoutMs: 5_000, resource: {} },
    clock,
    onNotice: ({ message }) => notices.push(message),
    fetch: (_url, init) => {
      const body = String(init?.body)
      bodies.push(body)
      sizes.push(body.split('"spanId"').length - 1)
      return answer(init!.signal!)
    },
  })
  return { clock, exporter, notices, sizes, bodies }
}
