import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scenario } from '../src/blueprint/scenario.ts'
import { createFrameStore } from '../src/control/frame-store.ts'
import { jsonSocketStream } from '../src/control/json-socket.ts'
import type { Span } from '../src/control/span.ts'
import type { MetricFrame } from '../src/control/metric-frame.ts'
import { systemClock } from '../src/core/clock.ts'
import { seededRandom } from '../src/core/random.ts'
import { runLoad } from '../src/load/run-load.ts'
import { HISTORY_LIMITS_DEFAULT } from '../src/telemetry/history.ts'
import { openHistoryDatabase } from '../src/telemetry/history-database.ts'
import { createTelemetry } from '../src/telemetry/telemetry.ts'
import type { Benchmark, BenchmarkContext, Figures } from './benchmark.ts'
import { interleave, median, spread } from './benchmark.ts'
import type { Program } from './program.ts'
import { startProgram } from './program.ts'
import { systemFrames } from './telemetry/system-frames.ts'

const RATE = 1_500
const TRIAL_SECONDS = 1.5
const single: Scenario = { name: 'single', steps: [{ name: 'get', path: '/' }] }
/** A system at the end of its day: six services with five instances each, four databases. */
const SIZE = { services: 6, instancesPerService: 5, databases: 4, requestsPerSecond: 3_000 }

export const benchmark: Benchmark = {
  name: 'telemetry',
  description: 'what measuring costs the gateway, and what a sample costs in the history',
  async run(context) {
    const directory = await mkdtemp(join(tmpdir(), 'tenfold-bench-'))
    try {
      return { figures: { ...(await gatewayCost(context, directory)), ...historyCost(context, directory) }, peers: [] }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}

/**
 * CPU time of the gateway for a request with all of its telemetry, against the same gateway that records nothing. Both
 * run all the time, and the load goes to one after the other in short turns, so that a noisy second hits both.
 */
async function gatewayCost(context: BenchmarkContext, directory: string): Promise<Figures> {
  const { isQuick, signal, log } = context
  const responder = startProgram('servers/responder.ts', [], signal)
  const { port } = (await responder.next()) as { port: number }
  const socket = join(directory, 'gateway.sock')
  const gateways = {
    off: startProgram('servers/measured-gateway.ts', ['--upstream', String(port)], signal),
    on: startProgram('servers/measured-gateway.ts', ['--upstream', String(port), '--socket', socket], signal),
  }
  const leaving = new AbortController()
  try {
    const ports = { off: await portOf(gateways.off), on: await portOf(gateways.on) }
    const { stop, framesTaken } = await keepFrames(socket, join(directory, 'live.sqlite'), leaving.signal)
    const rounds = isQuick ? 4 : 20
    log(`${RATE} requests a second to a gateway with and without telemetry, ${rounds} turns of ${TRIAL_SECONDS} s each`)
    // V8 compiles in the first seconds.
    for (const variant of ['off', 'on'] as const) await trial(gateways[variant], ports[variant], signal)
    let order = 0
    const trials = await interleave(rounds, {
      pair: async () => {
        const names = order++ % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)
        const results: Record<string, number> = {}
        for (const name of names) {
          const figures = await trial(gateways[name], ports[name], signal)
          context.keep(name, figures)
          results[name] = figures['reqPerCpuSecond']!
        }
        return results as { off: number; on: number }
      },
    })
    const costs = trials.pair.map(({ off, on }) => 100 * (off / on - 1))
    log(`  ${framesTaken()} frames of the gateway were kept meanwhile`)
    await stop()
    return {
      gatewayCostPct: median(costs),
      gatewayCostPctMin: Math.min(...costs),
      gatewayCostPctMax: Math.max(...costs),
      reqPerCpuSecondOn: median(trials.pair.map(({ on }) => on)),
      reqPerCpuSecondOff: median(trials.pair.map(({ off }) => off)),
      reqPerCpuSecondSpread: spread(trials.pair.map(({ off }) => off)),
      framesKept: framesTaken(),
    }
  } finally {
    leaving.abort()
    await Promise.all([gateways.off.stop(), gateways.on.stop(), responder.stop()])
  }
}

async function portOf(program: Program): Promise<number> {
  return ((await program.next()) as { port: number }).port
}

async function trial(gateway: Program, port: number, signal: AbortSignal): Promise<Figures> {
  const before = await cpuSecondsOf(gateway)
  const result = await runLoad({
    target: `http://127.0.0.1:${port}`,
    scenarios: [single],
    arrivals: { shape: 'constant' },
    peakPerSecond: RATE,
    durationMs: TRIAL_SECONDS * 1_000,
    connections: { min: 50, max: 50 },
    seed: 1,
    signal,
  })
  const cpuSeconds = (await cpuSecondsOf(gateway)) - before
  const requests = result.requests.completed
  return { requests, failed: result.requests.failed, cpuSeconds, reqPerCpuSecond: requests / cpuSeconds }
}

async function cpuSecondsOf(gateway: Program): Promise<number> {
  gateway.signal('SIGUSR2')
  return ((await gateway.next()) as { cpuSeconds: number }).cpuSeconds
}

/** The control plane's part: frames are kept in memory, in the history and for Prometheus. */
async function keepFrames(
  socket: string,
  historyFile: string,
  signal: AbortSignal,
): Promise<{ stop: () => Promise<void>; framesTaken: () => number }> {
  const frames = createFrameStore({ clock: systemClock })
  const telemetry = createTelemetry({
    frames,
    historyFile,
    listener: { port: 0, isPortGiven: true },
    onNotice: ({ message }) => console.error(message),
    clock: systemClock,
  })
  await telemetry.start()
  const followingSpans = (async () => {
    try {
      for await (const spans of jsonSocketStream<Span[]>(socket, '/v1/spans', { signal })) telemetry.addSpans(spans)
    } catch {
      // As below.
    }
  })()
  const following = (async () => {
    try {
      for await (const frame of jsonSocketStream<MetricFrame>(socket, '/v1/frames', { signal })) frames.append(frame)
    } catch {
      // The gateway is gone: the trial is over.
    }
  })()
  return {
    framesTaken: () => frames.count,
    async stop() {
      void Promise.all([following, followingSpans])
      await telemetry.stop()
    },
  }
}

/** An hour of a whole system, written as it would be, with everything that is made and let go on the way. */
function historyCost(context: BenchmarkContext, directory: string): Figures {
  const seconds = context.isQuick ? 600 : 3_600
  context.log(`${seconds} s of frames of a system with ${SIZE.services * SIZE.instancesPerService} instances`)
  const framesAt = systemFrames(SIZE, seededRandom(1))
  const history = openHistoryDatabase(join(directory, 'history.sqlite'), HISTORY_LIMITS_DEFAULT)
  const start = 1_800_000_000
  let writingMs = 0
  let longestMs = 0
  for (let second = 1; second <= seconds; second++) {
    const epochMs = (start + second) * 1_000
    const frames = framesAt(epochMs)
    const beganMs = systemClock.nowMs()
    history.write(frames)
    if (second % 5 === 0) history.maintain(epochMs)
    const tookMs = systemClock.nowMs() - beganMs
    writingMs += tookMs
    longestMs = Math.max(longestMs, tookMs)
  }
  const { bytes, series, samples } = history.stats()
  const askedMs = systemClock.nowMs()
  const found = history.series({
    name: 'http.server.request.duration',
    fromEpochMs: start * 1_000,
    toEpochMs: (start + seconds) * 1_000,
    by: [],
  })
  const queryMs = systemClock.nowMs() - askedMs
  history.close()
  const figures = {
    seriesCount: series,
    bytesPerSample: bytes / samples,
    samplesPerSecond: samples / (writingMs / 1_000),
    writeMsMax: longestMs,
    queryMs,
    queryPoints: found[0]?.points.length ?? 0,
  }
  context.keep('history', figures)
  return figures
}
