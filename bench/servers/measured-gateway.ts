import { parseArgs } from 'node:util'
import { systemClock } from '../../src/core/clock.ts'
import { freshSeed, seededRandom } from '../../src/core/random.ts'
import { createJsonSocket, jsonRoute, jsonStream } from '../../src/control/json-socket.ts'
import { createFrameFeed } from '../../src/gateway/measurements/frame-feed.ts'
import { openListener } from '../../src/gateway/listener.ts'
import { createProxy } from '../../src/gateway/proxy.ts'

// The gateway's data plane in front of one server. Prints { port } when it listens. From a SIGUSR2 on it measures itself:
// for two quarters of each second it has all of its telemetry, in the two between a request is not recorded and has no
// span, while what balancing needs is counted all the same; after each second it prints { on, off }, each with requests and
// cpuSeconds. One process in turns, not two, and short turns: two processes of one program differ by more than is
// measured here, and so do two seconds of a machine that does other things.

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

const services = [...proxy.services.values()].map(({ metrics }) => ({ metrics, record: metrics.record }))
const { add } = proxy.spans
let isOn = true
function turn(next: boolean): void {
  isOn = next
  proxy.spans.add = isOn ? add : () => undefined
  for (const { metrics, record } of services) metrics.record = isOn ? record : () => undefined
}

const empty = (): { requests: number; cpuSeconds: number } => ({ requests: 0, cpuSeconds: 0 })
let measured: { on: ReturnType<typeof empty>; off: ReturnType<typeof empty> } | undefined
let requests = 0
let before = process.cpuUsage()

/** Ends a quarter and begins another. */
function nextQuarter(isNextOn: boolean): void {
  const { user, system } = process.cpuUsage(before)
  if (measured !== undefined) {
    const sum = measured[isOn ? 'on' : 'off']
    sum.requests += requests
    sum.cpuSeconds += (user + system) / 1e6
  }
  turn(isNextOn)
  requests = 0
  before = process.cpuUsage()
}

let isAsked = false
process.once('SIGUSR2', () => (isAsked = true))
function nextSecond(): void {
  if (!isAsked) return
  nextQuarter(true)
  if (measured !== undefined) console.log(JSON.stringify(measured))
  measured = { on: empty(), off: empty() }
  // On, off, off, on: what drifts with time hits both.
  systemClock.schedule(250, () => nextQuarter(false))
  systemClock.schedule(750, () => nextQuarter(true))
}

// The frame of a second is made at the beginning of the next, which is one with telemetry.
const feed = createFrameFeed(
  {
    ...systemClock,
    every: (everyMs, tick, options) =>
      systemClock.every(
        everyMs,
        () => {
          nextSecond()
          tick()
        },
        options,
      ),
  },
  proxy,
)
const socket = createJsonSocket({
  path: values.socket as string,
  clock: systemClock,
  routes: {
    'GET /v1/frames': jsonRoute({ handle: () => jsonStream(feed.frames()) }),
    'GET /v1/spans': jsonRoute({ handle: () => jsonStream(proxy.spans.batches()) }),
  },
})
await socket.start()

const handlers = proxy.entrance('public')
const listener = await openListener({
  host: '127.0.0.1',
  port: 0,
  clock: systemClock,
  connectionsMax: 10_000,
  handlers: {
    ...handlers,
    onRequest: (...asked) => {
      requests += 1
      handlers.onRequest(...asked)
    },
  },
})

console.log(JSON.stringify({ port: listener.port }))
