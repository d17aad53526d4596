import { parseArgs } from 'node:util'
import { systemClock } from '../../src/core/clock.ts'
import { freshSeed, seededRandom } from '../../src/core/random.ts'
import { createJsonSocket, jsonRoute, jsonStream } from '../../src/control/json-socket.ts'
import { createFrameFeed } from '../../src/gateway/frame-feed.ts'
import { openListener } from '../../src/gateway/listener.ts'
import { createProxy } from '../../src/gateway/proxy.ts'

// The gateway's data plane in front of one server, with or without its telemetry. Prints { port } when it listens and
// its CPU seconds on each SIGUSR2. Without telemetry a request is not recorded, and no frames are made or sent; what
// balancing needs is counted all the same.

const { values } = parseArgs({
  options: { upstream: { type: 'string' }, socket: { type: 'string' } },
})

const proxy = createProxy({ clock: systemClock, random: seededRandom(freshSeed()) })
const endpoint = { id: 'api-1', host: '127.0.0.1', port: Number(values.upstream) }
proxy.apply({
  version: 1,
  routes: [{ prefix: '/', service: 'api' }],
  services: { api: { requestTimeoutMs: 30_000, endpoints: [endpoint] } },
} as Parameters<typeof proxy.apply>[0])

if (values.socket === undefined) {
  proxy.spans.add = () => undefined
  for (const { metrics } of proxy.services.values()) metrics.record = () => undefined
} else {
  const feed = createFrameFeed(systemClock, proxy)
  const socket = createJsonSocket({
    path: values.socket,
    clock: systemClock,
    routes: {
      'GET /v1/frames': jsonRoute({ handle: () => jsonStream(feed.frames()) }),
      'GET /v1/spans': jsonRoute({ handle: () => jsonStream(proxy.spans.batches()) }),
    },
  })
  await socket.start()
}

const listener = await openListener({
  host: '127.0.0.1',
  port: 0,
  clock: systemClock,
  connectionsMax: 10_000,
  handlers: proxy.entrance('public'),
})

process.on('SIGUSR2', () => {
  const { user, system } = process.cpuUsage()
  console.log(JSON.stringify({ cpuSeconds: (user + system) / 1e6 }))
})
console.log(JSON.stringify({ port: listener.port }))
