import { createRequire } from 'node:module'
import type { Scenario } from '../src/blueprint/scenario.ts'
import { sleep, systemClock } from '../src/core/clock.ts'
import type { Benchmark, BenchmarkContext, Figures, Peer } from './benchmark.ts'
import { interleave, median, spread } from './benchmark.ts'
import type { Program } from './program.ts'
import { runTimed, startProgram } from './program.ts'
import { runK6 } from './peers/k6.ts'

const RATE = 20_000

/** Seconds at the start of a trial that `peers/tenfold.ts` leaves out. */
const WARMUP_SECONDS = 2
/** For every generator; opening more under load would be part of the cost. */
const CONNECTIONS = 50

/** The length of the run with a freeze in it, and the pools with which it is made. */
const FREEZE_SECONDS = 8
const FREEZE_CONNECTIONS = [4, 4_096]

const single: Scenario = { name: 'single', steps: [{ name: 'get', path: '/' }] }

/** What a rehearsal does: a feed, JSON bodies, checks and a value carried from one answer to the next request. */
const order: Scenario = {
  name: 'order',
  feeds: { user: { sequence: { from: 1, to: 50_000 } } },
  steps: [
    {
      name: 'sign in',
      method: 'POST',
      path: '/sessions',
      json: { user: '{{user.value}}' },
      extract: { token: { json: 'token' } },
      check: { status: 200, json: { id: 4_711 } },
    },
    {
      name: 'order',
      method: 'POST',
      path: '/orders?user={{user.value}}',
      headers: { authorization: 'Bearer {{token}}' },
      json: { user: '{{user.value}}', items: [{ sku: 'x', count: 2 }] },
      check: { status: 200, json: { isOpen: true, 'items.*.cents': 1_250 } },
    },
  ],
}

export const benchmark: Benchmark = {
  name: 'load',
  description: 'the load generator: requests per CPU-second beside wrk, autocannon and k6; honesty about stalls',
  async run(context) {
    const efficiency = await measureEfficiency(context)
    const constant50msP50 = await constantDelayTrial(context)
    // At 500 requests a second they do not disturb each other, and are done in the time of one.
    const errorsPct = await Promise.all(FREEZE_CONNECTIONS.map((max) => freezeTrial(context, max)))
    const freezeP90ErrorPct = Math.max(...errorsPct)
    return { peers: efficiency.peers, figures: { ...efficiency.figures, constant50msP50, freezeP90ErrorPct } }
  },
}

/** Requests that a generator's process completes per second of its CPU time, against the cheapest server. */
async function measureEfficiency(context: BenchmarkContext): Promise<{ figures: Figures; peers: Peer[] }> {
  const { isQuick, signal, log } = context
  const seconds = isQuick ? 2 : 6
  const responder = startProgram('servers/responder.ts', [], signal)
  try {
    const { port } = (await responder.next()) as { port: number }
    const target = `http://127.0.0.1:${port}`
    const wrkVersion = await versionOfWrk(signal)
    const k6Version = await versionOfK6(signal)
    log(`open loop at ${RATE} requests a second, wrk and autocannon in a closed loop, ${CONNECTIONS} connections each`)

    const trials = await interleave<string, Figures>(isQuick ? 2 : 5, {
      tenfold: () => tenfoldTrial(context, 'open', target, single, RATE, seconds),
      ...(wrkVersion === undefined ? {} : { wrk: () => wrkTrial(context, target, seconds) }),
      ...(autocannonVersion() === undefined ? {} : { autocannon: () => autocannonTrial(context, target, seconds) }),
      ...(k6Version === undefined ? {} : { k6: () => k6Trial(context, target, seconds) }),
      scenario: () => tenfoldTrial(context, 'scenario', target, order, RATE / order.steps.length, seconds),
    })
    const values = (name: string, figure = 'reqPerCpuSecond'): number[] =>
      (trials[name] ?? []).map((figures) => figures[figure] as number)
    const reqPerCpuSecondOpen = median(values('tenfold'))
    const peer = (name: string, version: string | undefined, absent: string): Peer =>
      version === undefined
        ? { name, ran: false, reason: absent }
        : { name, ran: true, version, figures: { reqPerCpuSecond: Math.round(median(values(name))) } }
    const ratio = (name: string): Figures =>
      trials[name] === undefined
        ? {}
        : { [`ratioTo${name[0]?.toUpperCase()}${name.slice(1)}`]: reqPerCpuSecondOpen / median(values(name)) }

    return {
      figures: {
        reqPerCpuSecondOpen,
        reqPerCpuSecondOpenSpread: spread(values('tenfold')),
        reqPerCpuSecondScenario: median(values('scenario')),
        ...ratio('wrk'),
        ...ratio('autocannon'),
        ...ratio('k6'),
        lagP99Ms: median(values('tenfold', 'lagMsP99')),
        /** Below 1 something else kept the machine busy: the generator fell behind its schedule. */
        validShare: share(values('tenfold', 'isValid')),
      },
      peers: [
        peer('wrk', wrkVersion, 'wrk is not on the PATH'),
        peer('autocannon', autocannonVersion(), 'it is not installed'),
        peer('k6', k6Version, 'k6 is not on the PATH'),
      ],
    }
  } finally {
    await responder.stop()
  }
}

/** A server that answers after 50 ms, always: the median must say so. */
async function constantDelayTrial(context: BenchmarkContext): Promise<number> {
  context.log('a server with a constant delay of 50 ms, 130 requests a second')
  const responder = startProgram('servers/responder.ts', ['--delay-ms', '50'], context.signal)
  try {
    const { port } = (await responder.next()) as { port: number }
    const load = { ...loadOf(port, 130, context.isQuick ? 2 : 6), arrivals: { shape: 'constant' } }
    const figures = await runTenfold(load, context.signal)
    context.keep('constant 50 ms', figures)
    return figures['latencyMsP50'] as number
  } finally {
    await responder.stop()
  }
}

/**
 * A server that stands still for F = 2 s in a run of T = 8 s. Of the requests, which arrive evenly, those of the F
 * seconds wait from F down to 0 seconds and the others for no time worth counting, so the share that waits longer
 * than x is (F − x) / T, and the 90th percentile is F − 0.1 T = 1.2 s, for any number of connections. What the server
 * needs for the backlog afterwards comes on top, and is part of the tolerance.
 *
 * @param max connections
 * @returns the error in percent
 */
async function freezeTrial(context: BenchmarkContext, max: number): Promise<number> {
  const { signal } = context
  context.log(`a server that is stopped for 2 s of ${FREEZE_SECONDS} s, at most ${max} connections`)
  const responder = startProgram('servers/responder.ts', [], signal)
  try {
    const { port } = (await responder.next()) as { port: number }
    const load = {
      ...loadOf(port, 500, FREEZE_SECONDS),
      connections: { min: 4, max },
      arrivals: { shape: 'constant' },
    }
    const generator = startProgram('peers/tenfold.ts', [JSON.stringify(load)], signal)
    await generator.next()
    await sleep(systemClock, 1_500, signal)
    const stoppedMs = systemClock.nowMs()
    responder.signal('SIGSTOP')
    await sleep(systemClock, 2_000, signal)
    responder.signal('SIGCONT')
    const frozenMs = systemClock.nowMs() - stoppedMs

    const figures = (await lastLine(generator)) as Figures
    const measuredMs = figures['latencyMsP90'] as number
    const expectedMs = frozenMs - 0.1 * FREEZE_SECONDS * 1_000
    const errorPct = (100 * Math.abs(measuredMs - expectedMs)) / expectedMs
    context.keep(`freeze, ${max} connections`, { ...figures, expectedMs, errorPct })
    return errorPct
  } finally {
    await responder.stop()
  }
}

function share(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function loadOf(port: number, peakPerSecond: number, seconds: number): object {
  const target = `http://127.0.0.1:${port}`
  return { target, scenarios: [single], arrivals: { shape: 'poisson' }, peakPerSecond, durationMs: seconds * 1_000 }
}

async function tenfoldTrial(
  context: BenchmarkContext,
  variant: string,
  target: string,
  scenario: Scenario,
  peakPerSecond: number,
  seconds: number,
): Promise<Figures> {
  const load = {
    target,
    scenarios: [scenario],
    arrivals: { shape: 'poisson' },
    peakPerSecond,
    durationMs: (seconds + WARMUP_SECONDS) * 1_000,
    connections: { min: CONNECTIONS, max: CONNECTIONS },
  }
  const figures = await runTenfold(load, context.signal)
  return kept(context, `tenfold, ${variant}`, figures)
}

async function wrkTrial(context: BenchmarkContext, target: string, seconds: number): Promise<Figures> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${Math.ceil(seconds)}s`, target]
  const { output, cpuSeconds } = await runTimed('wrk', args, context.signal)
  return kept(context, 'wrk', { requests: Number(/(\d+) requests in/.exec(output)?.[1]), cpuSeconds })
}

async function autocannonTrial(context: BenchmarkContext, target: string, seconds: number): Promise<Figures> {
  const program = startProgram('peers/autocannon.ts', [target, String(Math.ceil(seconds))], context.signal)
  return kept(context, 'autocannon', (await lastLine(program)) as Figures)
}

async function k6Trial(context: BenchmarkContext, target: string, seconds: number): Promise<Figures> {
  return kept(context, 'k6', await runK6(target, seconds, context.signal))
}

function kept(context: BenchmarkContext, variant: string, figures: Figures): Figures {
  const all = { reqPerCpuSecond: (figures['requests'] as number) / (figures['cpuSeconds'] as number), ...figures }
  context.keep(variant, all)
  return all
}

async function runTenfold(load: object, signal: AbortSignal): Promise<Figures> {
  const program = startProgram('peers/tenfold.ts', [JSON.stringify(load)], signal)
  await program.next()
  return (await lastLine(program)) as Figures
}

async function lastLine(program: Program): Promise<unknown> {
  try {
    return await program.next()
  } finally {
    await program.stop()
  }
}

function autocannonVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)('autocannon/package.json') as { version: string }).version
  } catch {
    return undefined
  }
}

async function versionOfWrk(signal: AbortSignal): Promise<string | undefined> {
  // wrk prints its version together with its usage, and fails.
  const { output } = await runTimed('sh', ['-c', 'wrk -v || true'], signal)
  return /^wrk (?:debian\/)?(\S+)/m.exec(output)?.[1]
}

async function versionOfK6(signal: AbortSignal): Promise<string | undefined> {
  const { output } = await runTimed('sh', ['-c', 'k6 version || true'], signal)
  return /^k6(?:\.exe)? (\S+)/m.exec(output)?.[1]
}
