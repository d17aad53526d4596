import { Agent, request } from 'node:http'
import { METHODS } from 'node:http'
import { expect, test } from 'vitest'
import { accessFrame } from '../../../src/gateway/measurements/access-frame.ts'
import type { Proxy } from '../../../src/gateway/proxy.ts'
import { createSeriesLimit } from '../../../src/telemetry/series-limit.ts'
import { startBackend, startDataPlane } from '../data-plane-for-tests.ts'

/** What a stranger can choose of a request: everything but the service. */
interface Strange {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

const NAMES = METHODS.filter((method) => method !== 'CONNECT')

const strange = (at: number): Strange => ({
  method: NAMES[at % NAMES.length]!,
  path:
    at % 7 === 0 ? `/%zz/${at}` : `/${at % 100 === 1 ? '../'.repeat(20) : ''}users/${at}?status=${100 + (at % 900)}`,
  headers: { host: `tenant-${at}.example`, 'user-agent': `agent ${at}`, 'x-request-id': `r-${at}`, [`x-${at}`]: '1' },
})

test('clients who never ask the same twice add no series', async () => {
  await using backend = await startBackend('api-1', (asked, response) => {
    const status = Number(/status=(\d+)/.exec(asked.url ?? '')?.[1] ?? 200)
    response.writeHead(status < 200 ? 200 : status).end()
  })
  await using plane = await startDataPlane([backend.endpoint])
  const limit = createSeriesLimit({ seriesMax: 1_000, onOverflow: () => undefined })
  const agent = new Agent({ keepAlive: true, maxSockets: 10 })
  const seriesAfter = async (from: number, to: number): Promise<number> => {
    await Promise.all(Array.from({ length: to - from }, (_, at) => ask(plane.port, agent, strange(from + at))))
    limit.admit(frameOf(plane.proxy))
    return limit.count
  }
  const few = await seriesAfter(0, 1_000)
  expect(few).toBeGreaterThan(5)
  // Seven of a service, one of an instance, nine classes of status, and the reasons for which requests are refused.
  expect(few).toBeLessThan(30)
  expect(await seriesAfter(1_000, 3_000)).toBe(few)
  agent.destroy()
}, 60_000)

function frameOf(proxy: Proxy): ReturnType<typeof accessFrame> {
  return accessFrame(proxy, 0)
}

/** However it ends: what counts is that it was asked. */
function ask(port: number, agent: Agent, { method, path, headers }: Strange): Promise<void> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, agent, method, path, headers })
    sent.once('error', () => resolve())
    sent.once('close', () => resolve())
    sent.once('response', (response) => response.resume())
    sent.end()
  })
}
