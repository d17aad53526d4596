import { describe, expect, it } from 'vitest'
import type { Random } from '../../../../src/core/random.ts'
import { seededRandom } from '../../../../src/core/random.ts'
import type { Candidate } from '../../../../src/gateway/balancing/balancer.ts'
import { createPeakEwmaBalancer } from '../../../../src/gateway/balancing/balancers/peak-ewma.ts'
import { createPeakEwma } from '../../../../src/gateway/balancing/peak-ewma.ts'

/** A single server with a queue: it stalls now and then, and may be slower than the others. */
interface Server extends Candidate {
  inFlight: number
  freeAtMs: number
  nextStallMs: number
  readonly slowness: number
  observe(latencyMs: number, nowMs: number): void
}

type Choice = (servers: readonly Server[], nowMs: number) => Server

interface Scene {
  readonly count: number
  readonly load: number
  readonly stallMs: number
  /** How much slower the first server is. */
  readonly slowness?: number
}

const WORK_MS_MEAN = 5
const STALL_EVERY_MS = 10_000

/** The 99th percentile of the time in the system, Poisson arrivals, one request in ten eleven times as long. */
function p99Of(scene: Scene, choose: Choice): number {
  const random = seededRandom(7)
  const servers = Array.from({ length: scene.count }, (_, i) =>
    server(random, `s-${i}`, i === 0 ? (scene.slowness ?? 1) : 1),
  )
  const capacity = servers.reduce((sum, { slowness }) => sum + 1 / (WORK_MS_MEAN * slowness), 0)
  const underWay: { endsMs: number; startedMs: number; at: Server }[] = []
  const latenciesMs: number[] = []
  let nowMs = 0
  for (let i = 0; i < 20_000; i++) {
    nowMs += random.exponential(1 / (scene.load * capacity))
    underWay.sort((a, b) => b.endsMs - a.endsMs)
    while (underWay.length > 0 && underWay.at(-1)!.endsMs <= nowMs) {
      const { at, endsMs, startedMs } = underWay.pop()!
      at.inFlight -= 1
      at.observe(endsMs - startedMs, endsMs)
      latenciesMs.push(endsMs - startedMs)
    }
    const at = choose(servers, nowMs)
    const workMs = random.exponential(random.next() < 0.1 ? WORK_MS_MEAN * 5.5 : WORK_MS_MEAN * 0.5) * at.slowness
    at.freeAtMs = Math.max(nowMs, at.freeAtMs)
    if (scene.stallMs > 0 && at.freeAtMs > at.nextStallMs) {
      at.freeAtMs += scene.stallMs
      at.nextStallMs = at.freeAtMs + random.exponential(STALL_EVERY_MS)
    }
    at.freeAtMs += workMs
    at.inFlight += 1
    underWay.push({ endsMs: at.freeAtMs, startedMs: nowMs, at })
  }
  latenciesMs.sort((a, b) => a - b)
  return latenciesMs[Math.floor(latenciesMs.length * 0.99)]!
}

function server(random: Random, id: string, slowness: number): Server {
  const latency = createPeakEwma(0, 0)
  return {
    id,
    inFlight: 0,
    isFull: false,
    weight: 1,
    freeAtMs: 0,
    nextStallMs: random.exponential(STALL_EVERY_MS),
    slowness,
    latencyMs: (nowMs) => latency.at(nowMs),
    observe: (latencyMs, nowMs) => latency.observe(latencyMs, nowMs),
  }
}

function p2c(): Choice {
  const balancer = createPeakEwmaBalancer(seededRandom(1))
  return (servers, nowMs) => balancer.pick(servers, nowMs)!
}

function roundRobin(): Choice {
  let turn = 0
  return (servers) => servers[turn++ % servers.length]!
}

/** The best that is known for equal servers of which only the queues can be seen. */
function leastInFlight(): Choice {
  return (servers) => servers.reduce((best, each) => (each.inFlight < best.inFlight ? each : best))
}

describe('the power of two choices in front of queues', () => {
  it.each([
    { count: 3, load: 0.3, stallMs: 200 },
    { count: 3, load: 0.6, stallMs: 200 },
    { count: 3, load: 0.8, stallMs: 200 },
    { count: 6, load: 0.6, stallMs: 200 },
    { count: 6, load: 0.8, stallMs: 0 },
  ])(
    'is close to the shortest queue and far from round robin: $count servers, load $load, stalls of $stallMs ms',
    (scene) => {
      const ours = p99Of(scene, p2c())
      // Three are all looked at; of six only two, which costs what it costs.
      expect(ours).toBeLessThan((scene.count > 3 ? 1.8 : 1.3) * p99Of(scene, leastInFlight()))
      expect(ours).toBeLessThan(0.8 * p99Of(scene, roundRobin()))
    },
  )

  it('is better than the shortest queue where one server is slow', () => {
    const scene = { count: 3, load: 0.3, stallMs: 0, slowness: 20 }
    expect(p99Of(scene, p2c())).toBeLessThan(0.8 * p99Of(scene, leastInFlight()))
  })
})
