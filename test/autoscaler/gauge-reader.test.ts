import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { GaugedService } from '../../src/autoscaler/gauge-reader.ts'
import { createGaugeReader } from '../../src/autoscaler/gauge-reader.ts'
import { readPage } from '../../src/autoscaler/read-page.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const gauge = { name: 'jobs', from: '/metrics', labels: {} }
const two: GaugedService = {
  service: 'web',
  gauge,
  instances: [
    { id: 'web-1', host: '127.0.0.1', port: 1 },
    { id: 'web-2', host: '127.0.0.1', port: 2 },
  ],
}

function reader(read: (port: number) => Promise<string>, timeScale = 1) {
  const clock = virtualClock()
  const frames: MetricFrame[] = []
  const problems: string[] = []
  const component = createGaugeReader({
    services: () => [two],
    append: (frame) => frames.push(frame),
    onProblem: (service, message) => problems.push(`${service}: ${message}`),
    clock,
    timeScale,
    read: ({ port }) => read(port),
  })
  return { clock, frames, problems, component }
}

test('reads every instance three times for each look and gives what they say', async () => {
  const { clock, frames, problems, component } = reader(async (port) => `jobs ${port * 10}`)
  await component.start()
  await clock.advance(15_000)
  await component.stop()
  await clock.advance(15_000)
  expect(frames).toHaveLength(3)
  expect(frames[0]).toMatchObject({
    source: 'gauge/web',
    samples: [
      { name: 'tenfold.autoscaler.signal', labels: { service: 'web', metric: 'jobs', instance: 'web-1' }, value: 10 },
      { labels: { instance: 'web-2' }, value: 20 },
    ],
  })
  expect(problems).toEqual([])
})

test('says once what is wrong, goes on with the others, and says it again after it was well', async () => {
  let isWell = false
  const { clock, frames, problems, component } = reader(async (port) => {
    if (port === 2 && !isWell) throw new Error('refused')
    return `jobs ${port}`
  })
  await component.start()
  await clock.advance(10_000)
  expect(problems).toEqual(['web: web-2: refused'])
  expect(frames.at(-1)!.samples).toHaveLength(1)
  isWell = true
  await clock.advance(5_000)
  isWell = false
  await clock.advance(5_000)
  expect(problems).toHaveLength(2)
  await component.stop()
})

test('never asks again before it has been answered', async () => {
  const answer = Promise.withResolvers<string>()
  let asked = 0
  const { clock, frames, component } = reader(() => {
    asked++
    return answer.promise
  }, 60)
  await component.start()
  await clock.advance(10_000)
  expect(asked).toBe(2)
  answer.resolve('jobs 1')
  await component.stop()
  expect(frames).toEqual([])
})

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<{ host: string; port: number }> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

test('a page is read to its end', async () => {
  const at = await serve((_request, response) => {
    response.write('jobs 1\n')
    response.end('other 2\n')
  })
  expect(await readPage({ ...at, path: '/metrics' }, 10_000)).toBe('jobs 1\nother 2\n')
})

test('a page that is another, too large or late is refused', async () => {
  const at = await serve((request, response) => {
    if (request.url === '/missing') response.writeHead(404).end('jobs 1')
    else if (request.url === '/large') response.end(Buffer.alloc(5 * 1_024 * 1_024, ' '))
    else response.write('jobs 1')
  })
  const reasonOf = (path: string, timeoutMs: number): Promise<string> =>
    readPage({ ...at, path }, timeoutMs).then(
      () => 'read',
      ({ code, message }) => `${code} ${message}`,
    )
  expect(await reasonOf('/missing', 10_000)).toBe(
    'TF_SIGNAL_UNREADABLE expected a page at /missing, but it answered 404',
  )
  expect(await reasonOf('/large', 10_000)).toMatch('it is larger than 4 MiB')
  expect(await reasonOf('/late', 200)).toMatch('it did not answer within 200 ms')
})
