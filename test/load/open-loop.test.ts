import { describe, expect, it } from 'vitest'
import type { Scenario } from '../../src/blueprint/scenario.ts'
import type { ArrivalPlan } from '../../src/load/arrival.ts'
import { createArrivalProcess } from '../../src/load/arrival.ts'
import { constantArrivals } from '../../src/load/arrivals/constant.ts'
import type { Failure } from '../../src/load/failure.ts'
import type { Bank } from '../../src/load/meter.ts'
import {
  addBank,
  COUNTERS,
  createBank,
  createMeter,
  createMeterMemory,
  failureCount,
  readBank,
} from '../../src/load/meter.ts'
import type { LoopResult, LoopSecond, OpenLoop, OpenLoopOptions } from '../../src/load/open-loop.ts'
import { createOpenLoop } from '../../src/load/open-loop.ts'
import { withWarmup } from '../../src/load/rate-curve.ts'
import { compileScenarios } from '../../src/load/scenario.ts'
import { createSessions } from '../../src/load/session.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { FakeTarget, FakeTargetOptions } from './fake-target.ts'
import { createFakeTarget } from './fake-target.ts'

interface Rig {
  readonly clock: VirtualClock
  readonly target: FakeTarget
  readonly loop: OpenLoop
  readonly bank: Bank
  readonly seconds: LoopSecond[]
  readonly failures: Failure[]
  /** Opens the connections and starts the schedule. */
  start(): Promise<{ ended: Promise<LoopResult> }>
}

interface RigOptions {
  scenarios?: readonly Scenario[]
  peakPerSecond?: number
  plan?: ArrivalPlan
  target?: Partial<FakeTargetOptions>
  loop?: Partial<OpenLoopOptions>
}

const simple: Scenario = { name: 's', steps: [{ name: 'get', path: '/' }] }

function rig(options: RigOptions = {}): Rig {
  const clock = virtualClock()
  const target = createFakeTarget({ clock, ...options.target })
  const durationMs = options.loop?.durationMs ?? 1_000
  const scenarios = compileScenarios(options.scenarios ?? [simple], { s: {} }, 'h')
  const memory = createMeterMemory(scenarios.flatMap(({ steps }) => steps).length)
  const bank = createBank(memory.stepCount)
  const seconds: LoopSecond[] = []
  const failures: Failure[] = []
  const plan = options.plan ?? constantArrivals({ peakPerSecond: options.peakPerSecond ?? 100, durationMs })
  const loop = createOpenLoop({
    clock,
    connect: target.connect,
    arrivals: createArrivalProcess(plan, 1),
    worker: 0,
    workers: 1,
    sessions: createSessions(scenarios, 1),
    meter: createMeter(memory),
    durationMs,
    timeoutMs: 2_000,
    connections: { min: 2, max: 50 },
    dueMax: 10_000,
    onSecond(second) {
      seconds.push(second)
      if (second.bank !== undefined) readBank(memory, second.bank, (full) => addBank(bank, full))
    },
    onFailure: (_step, failure) => void failures.push(failure),
    ...options.loop,
  })
  async function start(): Promise<{ ended: Promise<LoopResult> }> {
    const prepared = loop.prepare()
    await clock.advance(options.target?.connectMs ?? 1)
    await prepared
    return { ended: loop.run(clock.nowMs()) }
  }
  return { clock, target, loop, bank, seconds, failures, start }
}

/** Percentile of all latencies, in milliseconds. */
function latencyMs(bank: Bank, percent: number): number {
  const all = createBank(1).succeeded[0] as Bank['succeeded'][number]
  for (const histogram of [...bank.succeeded, ...bank.failed]) all.merge(histogram)
  return all.percentile(percent) / 1_000
}

function succeeded(bank: Bank): number {
  return bank.succeeded.reduce((sum, histogram) => sum + histogram.count, 0)
}

describe('the open loop', () => {
  it('sends every request at its intended time', async () => {
    const { clock, target, start, bank } = rig()
    const { ended } = await start()
    const startMs = clock.nowMs()
    await clock.advance('2s')
    await ended
    const sent = target.requests.map(({ atMs }) => atMs - startMs)
    expect(sent).toHaveLength(100)
    sent.forEach((atMs, index) => expect(Math.abs(atMs - (index * 10 + 5))).toBeLessThanOrEqual(1))
    expect(succeeded(bank)).toBe(100)
    expect(bank.counters[COUNTERS.sessionsCompleted]).toBe(100)
  })

  it('goes on sending while the target is frozen, and counts every wait from the intended start', async () => {
    const { clock, target, start, bank } = rig({ peakPerSecond: 100, loop: { durationMs: 4_000, timeoutMs: 5_000 } })
    const { ended } = await start()
    await clock.advance('1s')
    target.freeze()
    const before = target.requests.length
    await clock.advance('1s')
    const sentWhileFrozen = target.requests.length - before
    target.thaw()
    await clock.advance('3s')
    await ended
    // It needs a connection for each request: two are there, up to 50 are opened, the rest wait for one.
    expect(sentWhileFrozen).toBeGreaterThan(40)
    expect(succeeded(bank)).toBe(400)
    // A quarter of the requests waited for up to 1 s, evenly: the slowest tenth of all for 0.6 s or more.
    expect(latencyMs(bank, 90)).toBeGreaterThan(570)
    expect(latencyMs(bank, 90)).toBeLessThan(630)
    expect(bank.service.percentile(50) / 1_000).toBeLessThan(2)
  })

  it('tells the same of a freeze with two connections as with a thousand', async () => {
    const p90: number[] = []
    for (const max of [2, 1_000]) {
      const { clock, target, start, bank } = rig({
        loop: { durationMs: 4_000, timeoutMs: 5_000, connections: { min: 2, max } },
      })
      const { ended } = await start()
      await clock.advance('1s')
      target.freeze()
      await clock.advance('1s')
      target.thaw()
      await clock.advance('3s')
      await ended
      p90.push(latencyMs(bank, 90))
    }
    expect(Math.abs((p90[0] as number) / (p90[1] as number) - 1)).toBeLessThan(0.15)
  })

  it('opens more connections when requests have waited 5 ms, and only as many as it may', async () => {
    const { clock, target, start } = rig({
      peakPerSecond: 1_000,
      target: { delayMs: 100 },
      loop: { timeoutMs: 10_000, connections: { min: 2, max: 30 } },
    })
    const { ended } = await start()
    await clock.advance('5s')
    expect(await ended).toMatchObject({ connectionsMax: 30, wasLimited: true })
    expect(target.opened).toBe(30)
  })

  it('needs no more connections than the target keeps busy', async () => {
    const { clock, start } = rig({
      peakPerSecond: 1_000,
      target: { delayMs: 5 },
      loop: { connections: { min: 10, max: 99 } },
    })
    const { ended } = await start()
    await clock.advance('3s')
    expect(await ended).toMatchObject({ connectionsMax: 10, wasLimited: false })
  })

  it('counts a user who gives up as a failure that took the time-out', async () => {
    const { clock, target, start, bank, failures } = rig({ peakPerSecond: 10, loop: { timeoutMs: 300 } })
    const { ended } = await start()
    target.freeze()
    await clock.advance('3s')
    await ended
    expect(failureCount(bank, 'timeout')).toBe(10)
    expect(latencyMs(bank, 0)).toBeGreaterThanOrEqual(300)
    expect(failures[0]).toEqual({ kind: 'timeout', problem: 'expected an answer within 300 ms, got none' })
    expect(target.open).toBe(0)
  })

  it('counts requests that time out before there is a connection for them', async () => {
    const { clock, target, start, bank } = rig({
      peakPerSecond: 100,
      loop: { timeoutMs: 200, connections: { min: 1, max: 1 } },
    })
    const { ended } = await start()
    target.freeze()
    await clock.advance('3s')
    await ended
    expect(failureCount(bank, 'timeout')).toBe(100)
  })

  it('counts what is reset in flight, connects again and goes on', async () => {
    const { clock, target, start, bank } = rig({ target: { delayMs: 5 } })
    const { ended } = await start()
    await clock.advance(507)
    target.reset()
    await clock.advance('2s')
    await ended
    expect(failureCount(bank, 'connection')).toBe(1)
    expect(succeeded(bank)).toBe(99)
  })

  it('fails one request for every connection that is refused while the target is down', async () => {
    const { clock, target, start, bank, failures } = rig()
    const { ended } = await start()
    await clock.advance(500)
    target.refuse(true)
    target.reset()
    await clock.advance(200)
    target.refuse(false)
    await clock.advance('2s')
    await ended
    expect(failureCount(bank, 'connection')).toBeGreaterThanOrEqual(18)
    expect(failureCount(bank, 'connection')).toBeLessThanOrEqual(27)
    expect(succeeded(bank) + failureCount(bank, 'connection')).toBe(100)
    expect(failures.some(({ problem }) => problem === 'ECONNREFUSED')).toBe(true)
  })

  it('says so when the target refuses the first connection', async () => {
    const { clock, target, loop } = rig()
    target.refuse(true)
    const prepared = loop.prepare()
    const refused = expect(prepared).rejects.toThrow('ECONNREFUSED')
    await clock.advance(1)
    await refused
    loop.stop()
  })

  it('connects again when the target closes after each answer', async () => {
    const answer = (): string => 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
    const { clock, target, start, bank } = rig({ target: { answer } })
    const { ended } = await start()
    await clock.advance('3s')
    await ended
    expect(succeeded(bank)).toBe(100)
    expect(target.opened).toBeGreaterThan(100)
    expect(latencyMs(bank, 99)).toBeLessThan(5)
  })

  it('gives up idle connections before the target does, and keeps its minimum open', async () => {
    const answer = (): string => 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 0\r\n\r\n'
    const { clock, target, start } = rig({ peakPerSecond: 0.25, target: { answer }, loop: { durationMs: 20_000 } })
    const { ended } = await start()
    await clock.advance('20s')
    expect(target.opened).toBeGreaterThan(5)
    await clock.advance('1s')
    await ended
  })

  it('counts an answer that is not HTTP as a failure of the protocol', async () => {
    const { clock, start, bank } = rig({ target: { answer: () => '220 smtp ready\r\n' }, peakPerSecond: 5 })
    const { ended } = await start()
    await clock.advance('3s')
    await ended
    expect(failureCount(bank, 'protocol')).toBe(5)
  })

  it('counts what it has no room for, and sends the rest', async () => {
    const { clock, target, start, bank } = rig({ loop: { dueMax: 10, connections: { min: 1, max: 1 } } })
    const { ended } = await start()
    target.freeze()
    await clock.advance(600)
    target.thaw()
    await clock.advance('3s')
    await ended
    expect(failureCount(bank, 'overflow')).toBeGreaterThan(40)
    expect(failureCount(bank, 'overflow') + succeeded(bank)).toBe(100)
  })

  it('measures nothing of the warm-up', async () => {
    const curve = withWarmup(constantArrivals({ peakPerSecond: 100, durationMs: 1_000 }).curve, 500)
    const { clock, target, loop, bank } = rig({ plan: { spacing: 'even', curve } })
    const prepared = loop.prepare()
    await clock.advance(1)
    await prepared
    const ended = loop.run(clock.nowMs() + 500)
    await clock.advance('3s')
    await ended
    expect(target.requests).toHaveLength(150)
    expect(succeeded(bank)).toBe(100)
    expect(bank.counters[COUNTERS.sessionsPlanned]).toBe(100)
  })

  it('reports every second, and what is left at the end', async () => {
    const { clock, start, seconds } = rig({ loop: { durationMs: 3_000 } })
    const { ended } = await start()
    await clock.advance('5s')
    await ended
    expect(seconds.map(({ second }) => second)).toEqual([0, 1, 2, 3])
  })

  it('leaves nothing behind when it is stopped in the middle', async () => {
    const { clock, target, loop, start } = rig({ loop: { durationMs: 60_000 } })
    await start()
    await clock.advance(500)
    loop.stop()
    await clock.advance('1s')
    expect([target.open, clock.pending]).toEqual([0, 0])
  })
})

describe('sessions in the open loop', () => {
  const steps: Scenario = {
    name: 's',
    steps: [
      { name: 'first', path: '/a', think: { mean: '200ms', distribution: 'constant' } },
      { name: 'second', path: '/b' },
    ],
  }

  it('send a later step when its think time after the previous answer is over', async () => {
    const { clock, target, start, bank } = rig({ scenarios: [steps], peakPerSecond: 1, target: { delayMs: 50 } })
    const { ended } = await start()
    await clock.advance('3s')
    await ended
    const [first, second] = target.requests
    expect(second?.text).toMatch(/^GET \/b /)
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeCloseTo(250, -1)
    expect(bank.succeeded.map(({ count }) => count)).toEqual([1, 1])
  })

  it('end at the first step that fails', async () => {
    const answer = (): string => 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n'
    const { clock, target, start, bank } = rig({ scenarios: [steps], peakPerSecond: 10, target: { answer } })
    const { ended } = await start()
    await clock.advance('3s')
    await ended
    expect(target.requests.every(({ text }) => text.startsWith('GET /a'))).toBe(true)
    expect(bank.counters[COUNTERS.sessionsFailed]).toBe(10)
    expect(bank.failed.map(({ count }) => count)).toEqual([10, 0])
  })

  it('fail when more of them pause than there is room for', async () => {
    const { clock, start, bank } = rig({ scenarios: [steps], loop: { dueMax: 5 } })
    const { ended } = await start()
    await clock.advance('3s')
    await ended
    expect(failureCount(bank, 'overflow')).toBeGreaterThan(50)
    expect(bank.counters[COUNTERS.sessionsCompleted]).toBeGreaterThan(10)
  })

  it('are cut off, and neither completed nor failed, when the run ends before their next step', async () => {
    const { clock, start, bank } = rig({ scenarios: [steps], peakPerSecond: 10 })
    const { ended } = await start()
    await clock.advance('3s')
    expect(await ended).toMatchObject({ unfinished: 2 })
    expect(bank.counters[COUNTERS.sessionsCompleted]).toBe(8)
    expect(bank.counters[COUNTERS.sessionsFailed]).toBe(0)
  })
})
