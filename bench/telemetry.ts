import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scenario } from '../src/blueprint/scenario.ts'
import { createFrameStore } from '../src/control/frame-store.ts'
import { jsonSocketStream } from '../src/control/json-socket.ts'
import type { Span } from '../src/control/span.ts'
import type { MetricFrame } from '../src/control/metric-frame.ts'
import { sleep, systemClock } from '../src/core/clock.ts'
import { seededRandom } from '../src/core/random.ts'
import { runLoad } from '../src/load/run-load.ts'
import { HISTORY_LIMITS_DEFAULT } from '../src/telemetry/history.ts'
import { openHistoryDatabase } from '../src/telemetry/history-database.ts'
import { createTelemetry } from '../src/telemetry/telemetry.ts'
import type { Benchmark, BenchmarkContext, Figures } from './benchmark.ts'
import { median, spread } from './benchmark.ts'
import type { Program } from './program.ts'
import { startProgram } from './program.ts'
import { systemFrames } from './telemetry/system-frames.ts'

const RATE = 1_500
/** Later than this no other gateway is begun with, so that a quick run ends in its 45 s on a busy machine too. */
const QUICK_BEGIN_MS_MAX = 21_000
/** V8 compiles in the first seconds. */
const WARM_UP_SECONDS = 2
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
 * CPU time of the gateway for a request with all of its telemetry, against the same process while it records nothing: it
 * is on and off in turns within each second, so that a noisy second hits both. Several processes are asked, since what V8
 * makes of a program differs from process to process.
 */
async function gatewayCost(context: BenchmarkContext, directory: string): Promise<Figures> {
  const { isQuick, signal, log } = context
  const responder = startProgram('servers/responder.ts', [], signal)
  const [processes, seconds] = isQuick ? [3, 6] : [6, 24]
  const gateways: Program[] = []
  try {
    const { port: upstream } = (await responder.next()) as { port: number }
    log(`${RATE} requests a second to ${processes} gateways, each for ${seconds} s with telemetry on and off in turns`)
    const sockets = Array.from({ length: processes }, (_, at) => join(directory, `${at + 1}.sock`))
    for (const socket of sockets) {
      const args = ['--upstream', String(upstream), '--socket', socket]
      gateways.push(startProgram('servers/measured-gateway.ts', args, signal))
    }
    const pairs: Pair[] = []
    let framesKept = 0
    const beganMs = systemClock.nowMs()
    for (const [at, gateway] of gateways.entries()) {
      if (isQuick && systemClock.nowMs() - beganMs > QUICK_BEGIN_MS_MAX) {
        log(`  the machine is busy: ${processes - at} of the gateways left out`)
        break
      }
      const measured = await measureGateway(context, gateway, { socket: sockets[at]!, seconds })
      pairs.push(...measured.pairs)
      framesKept += measured.framesKept
    }
    const fair = pairs.filter(isFair)
    // On a machine where that is rare, all of them say more than a few.
    const counted = fair.length >= pairs.length / 3 ? fair : pairs
    const costs = counted.map(({ off, on }) => 100 * (off / on - 1))
    return {
      gatewayCostPct: median(costs),
      gatewayCostPctLow: quantile(costs, 0.25),
      gatewayCostPctHigh: quantile(costs, 0.75),
      gatewayCostPairs: costs.length,
      gatewayCostPairsLeftOut: pairs.length - costs.length,
      reqPerCpuSecondOn: median(counted.map(({ on }) => on)),
      reqPerCpuSecondOff: median(counted.map(({ off }) => off)),
      reqPerCpuSecondSpread: spread(counted.map(({ off }) => off)),
      framesKept,
    }
  } finally {
    await Promise.all([...gateways, responder].map((program) => program.stop()))
  }
}

/** Requests per CPU-second in the two halves of a second. */
interface Pair {
  readonly off: number
  readonly on: number
  /** Of the half with fewer. */
  readonly requestsMin: number
  readonly requestsMax: number
}

/**
 * Whether either half had the requests that were due. A process that has to wait for the machine works off what has piled
 * up, and requests that come in a heap cost less than those that come one by one.
 */
function isFair({ requestsMin, requestsMax }: Pair): boolean {
  return requestsMin > (RATE / 2) * 0.85 && requestsMax < (RATE / 2) * 1.15
}

/** What a gateway says of half a second. */
interface Half {
  readonly requests: number
  readonly cpuSeconds: number
}

async function measureGateway(
  context: BenchmarkContext,
  gateway: Program,
  { socket, seconds }: { readonly socket: string; readonly seconds: number },
): Promise<{ pairs: readonly Pair[]; framesKept: number }> {
  const leaving = new AbortController()
  const port = await portOf(gateway)
  const keeper = await keepFrames(socket, leaving.signal)
  try {
    const loading = load(port, WARM_UP_SECONDS + seconds + 1, AbortSignal.any([context.signal, leaving.signal]))
    // It fails only if it is ended, and then nobody waits for it.
    loading.catch(() => undefined)
    await sleep(systemClock, WARM_UP_SECONDS * 1_000, context.signal)
    gateway.signal('SIGUSR2')
    const pairs: Pair[] = []
    for (let second = 0; second < seconds; second++) {
      const { on, off } = (await gateway.next()) as Readonly<Record<'on' | 'off', Half>>
      pairs.push({
        on: keep(context, 'on', on),
        off: keep(context, 'off', off),
        requestsMin: Math.min(on.requests, off.requests),
        requestsMax: Math.max(on.requests, off.requests),
      })
    }
    const failed = await loading
    if (failed > 0) throw new Error(`expected every request to be answered, but ${failed} were not`)
    return { pairs, framesKept: keeper.framesKept() }
  } finally {
    leaving.abort()
    await keeper.stop()
  }
}

function keep(context: BenchmarkContext, variant: string, { requests, cpuSeconds }: Half): number {
  const reqPerCpuSecond = requests / cpuSeconds
  context.keep(variant, { requests, cpuSeconds, reqPerCpuSecond })
  return reqPerCpuSecond
}

/** By linear interpolation. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const low = sorted[Math.floor(at)]!
  return low + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - low)
}

async function portOf(program: Program): Promise<number> {
  return ((await program.next()) as { port: number }).port
}

/** Resolves with the number of requests that failed. */
async function load(port: number, seconds: number, signal: AbortSignal): Promise<number> {
  const { requests } = await runLoad({
    target: `http://127.0.0.1:${port}`,
    scenarios: [single],
    arrivals: { shape: 'constant' },
    peakPerSecond: RATE,
    durationMs: seconds * 1_000,
    connections: { min: 50, max: 50 },
    seed: 1,
    signal,
  })
  return requests.failed
}

/** The control plane's part: frames and spans are kept in memory, in the history and for Prometheus. */
async function keepFrames(
  socket: string,
  signal: AbortSignal,
): Promise<{ stop: () => Promise<void>; framesKept: () => number }> {
  const frames = createFrameStore({ clock: systemClock })
  const telemetry = createTelemetry({
    frames,
    historyFile: `${socket}.sqlite`,
    listener: { port: 0, isPortGiven: true },
    onNotice: ({ message }) => console.error(message),
    clock: systemClock,
  })
  await telemetry.start()
  async function follow<Item>(path: string, take: (item: Item) => void): Promise<void> {
    try {
      for await (const item of jsonSocketStream<Item>(socket, path, { signal })) take(item)
    } catch {
      // It has been measured.
    }
  }
  void follow<readonly Span[]>('/v1/spans', (spans) => telemetry.addSpans(spans))
  void follow<MetricFrame>('/v1/frames', (frame) => frames.append(frame))
  return { framesKept: () => frames.count, stop: () => telemetry.stop() }
}

/** An hour of a whole system, written as it would be, with everything that is made and let go on the way. */
function historyCost(context: BenchmarkContext, directory: string): Figures {
  const seconds = context.isQuick ? 120 : 3_600
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
