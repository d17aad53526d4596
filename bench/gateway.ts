import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../src/core/clock.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome, Figures, Peer } from './benchmark.ts'
import { median, spread } from './benchmark.ts'
import { cpuSeconds } from './gateway/cpu-seconds.ts'
import { openMirror } from './gateway/parity.ts'
import type { Proxy, ProxyStart, RunningProxy } from './gateway/proxy.ts'
import { haproxy } from './peers/haproxy.ts'
import { nginx } from './peers/nginx.ts'
import { nodeProxies } from './peers/node-proxies.ts'
import { tenfoldGateway } from './peers/tenfold-gateway.ts'
import { runTimed, startProgram } from './program.ts'

const CONNECTIONS = 64
/** They need no warming up. */
const isCompiled: ReadonlySet<string> = new Set([nginx.name, haproxy.name])
const LISTEN_MS_MAX = 10_000
/** CPU time that V8 needs until it has compiled what it will, and the longest that it is waited for. */
const WARM_UP_CPU_SECONDS = 4
const WARM_UP_SECONDS_MAX = 12
/** Later than this no other round is begun, so that a quick run ends in its 45 s on a busy machine too. */
const QUICK_ROUND_BEGIN_MS_MAX = 34_000

export const benchmark: Benchmark = {
  name: 'gateway',
  description: 'the gateway: requests per CPU-second beside nginx, HAProxy and proxies from npm',
  async run(context) {
    if (!existsSync('/proc/self/stat')) throw new Error('expected /proc, which tells CPU time: this needs Linux')
    const directory = await mkdtemp(join(tmpdir(), 'tenfold-bench-'))
    try {
      return await compare(context, directory)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
}

/**
 * Requests that a proxy carries per second of its CPU time, small ones on connections that are kept, in a closed loop. One
 * proxy after the other is under load, the others idle; a ratio is the median of those of the rounds, so that what slows a
 * round down hits both of its terms.
 */
async function compare(context: BenchmarkContext, directory: string): Promise<BenchmarkOutcome> {
  const { isQuick, signal, log } = context
  const beganMs = systemClock.nowMs()
  const responder = startProgram('servers/responder.ts', [], signal)
  const running = new Map<string, RunningProxy>()
  try {
    const { port: upstream } = (await responder.next()) as { port: number }
    const generator = await findGenerator(signal)
    log(`${CONNECTIONS} connections in a closed loop, by ${generator.name}`)
    const entrants = await admit(context, directory)
    const admitted = entrants.filter(({ reason }) => reason === undefined).map(({ proxy }) => proxy)
    await startAll(admitted, { upstream, directory: join(directory, 'measured'), signal }, running)
    // All of them at once: what they do in that time is not measured.
    const cold = [...running].filter(([name]) => !isCompiled.has(name))
    await Promise.all(cold.map(([, proxy]) => warmUp(generator, proxy)))

    const [rounds, seconds] = isQuick ? [4, 1] : [8, 4]
    const trials = new Map<string, number[]>(Array.from(running.keys(), (name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      if (isQuick && systemClock.nowMs() - beganMs > QUICK_ROUND_BEGIN_MS_MAX) break
      for (const [name, proxy] of running) {
        const before = await cpuSeconds(proxy.pid)
        const { requests, failed } = await generator.run(proxy.port, seconds)
        const used = (await cpuSeconds(proxy.pid)) - before
        if (failed > 0) throw new Error(`expected ${name} to answer every request, but ${failed} were not`)
        context.keep(name, { reqPerCpuSecond: requests / used, requests, cpuSeconds: used })
        trials.get(name)?.push(requests / used)
      }
    }
    return outcome(trials, entrants)
  } finally {
    await Promise.all([...running.values(), responder].map((program) => program.stop()))
  }
}

/** A proxy with what it is; or why it is not measured. */
interface Entrant {
  readonly proxy: Proxy
  readonly version: string
  readonly reason: string | undefined
}

/** Only those that do the same are compared: bytes, headers and connections that are kept. */
async function admit({ signal, log }: BenchmarkContext, directory: string): Promise<Entrant[]> {
  const mirror = await openMirror()
  const entrants: Entrant[] = []
  const running = new Map<string, RunningProxy>()
  try {
    const versions = new Map<Proxy, string>()
    for (const proxy of [tenfoldGateway, nginx, haproxy, ...nodeProxies]) {
      const version = await proxy.version(signal)
      if (version === undefined) entrants.push({ proxy, version: '', reason: proxy.absence })
      else versions.set(proxy, version)
    }
    await startAll(versions.keys(), { upstream: mirror.port, directory: join(directory, 'mirror'), signal }, running)
    for (const [proxy, version] of versions) {
      const difference = await mirror.difference(running.get(proxy.name)?.port ?? 0)
      if (difference !== undefined) log(`  ${proxy.name}: ${difference}`)
      if (difference !== undefined && proxy === tenfoldGateway) throw new Error(`the gateway differs: ${difference}`)
      entrants.push({ proxy, version, reason: difference && `it does something else: ${difference}` })
    }
    return entrants
  } finally {
    await Promise.all(Array.from(running.values(), (proxy) => proxy.stop()))
    await mirror.close()
  }
}

/** Starts them side by side, each with a directory below the given one; those that run are in `running`, come what may. */
async function startAll(
  proxies: Iterable<Proxy>,
  options: ProxyStart,
  running: Map<string, RunningProxy>,
): Promise<void> {
  const starts = Array.from(proxies, async (proxy, at) => {
    const directory = join(options.directory, `${at}`)
    await mkdir(directory, { recursive: true })
    running.set(proxy.name, await proxy.start({ ...options, directory }))
  })
  const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
  for (const [name, { port }] of running) await untilListening(name, port, options.signal)
}

async function untilListening(name: string, port: number, signal: AbortSignal): Promise<void> {
  const beganMs = systemClock.nowMs()
  while (!(await listens(port))) {
    if (systemClock.nowMs() - beganMs > LISTEN_MS_MAX) throw new Error(`expected ${name} to listen on port ${port}`)
    await sleep(systemClock, 20, signal)
  }
}

async function warmUp(generator: Generator, { pid, port }: RunningProxy): Promise<void> {
  const before = await cpuSeconds(pid)
  for (let second = 0; second < WARM_UP_SECONDS_MAX; second++) {
    if ((await cpuSeconds(pid)) - before > WARM_UP_CPU_SECONDS) return
    await generator.run(port, 1)
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function outcome(trials: ReadonlyMap<string, readonly number[]>, entrants: readonly Entrant[]): BenchmarkOutcome {
  const own = trials.get('tenfold') ?? []
  const ratioTo = (name: string): number => median((trials.get(name) ?? []).map((theirs, at) => own[at]! / theirs))
  const best = nodeProxies.map(({ name }) => ratioTo(name)).filter((ratio) => !Number.isNaN(ratio))
  const ratios: Figures = {
    ratioToNginx: ratioTo('nginx'),
    ratioToHaproxy: ratioTo('haproxy'),
    // The best of them is the one to which the ratio is smallest.
    ratioToBestNodeProxy: best.length === 0 ? Number.NaN : Math.min(...best),
  }
  return {
    figures: {
      reqPerCpuSecond: median(own),
      reqPerCpuSecondSpread: spread(own),
      rounds: own.length,
      // What was not run has no ratio.
      ...Object.fromEntries(Object.entries(ratios).filter(([, ratio]) => !Number.isNaN(ratio))),
    },
    peers: entrants
      .filter(({ proxy }) => proxy !== tenfoldGateway)
      .map(({ proxy: { name }, version, reason }): Peer =>
        reason === undefined
          ? { name, ran: true, version, figures: { reqPerCpuSecond: Math.round(median(trials.get(name) ?? [])) } }
          : { name, ran: false, reason },
      ),
  }
}

interface Generator {
  readonly name: string
  run(port: number, seconds: number): Promise<{ requests: number; failed: number }>
}

/** wrk costs the least beside what is measured; where it is not installed, autocannon, which comes with the project. */
async function findGenerator(signal: AbortSignal): Promise<Generator> {
  const { output } = await runTimed('sh', ['-c', 'command -v wrk || true'], signal)
  if (output.startsWith('/')) {
    return {
      name: 'wrk',
      async run(port, seconds) {
        const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, `http://127.0.0.1:${port}/`]
        const { output: said } = await runTimed('wrk', args, signal)
        const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said)?.slice(1) ?? []
        const failed = [/Non-2xx or 3xx responses: (\d+)/.exec(said)?.[1] ?? 0, ...errors].map(Number)
        return { requests: Number(/(\d+) requests in/.exec(said)?.[1]), failed: failed.reduce((a, b) => a + b, 0) }
      },
    }
  }
  const autocannon = createRequire(import.meta.url).resolve('autocannon')
  return {
    name: 'autocannon',
    async run(port, seconds) {
      const args = [autocannon, '--json', '--no-progress', '-c', `${CONNECTIONS}`, '-d', `${seconds}`]
      const { output: said } = await runTimed(process.execPath, [...args, `http://127.0.0.1:${port}/`], signal)
      const result = JSON.parse(said.split('\n').find((line) => line.startsWith('{')) ?? '{}') as {
        requests: { total: number }
        errors: number
        non2xx: number
      }
      return { requests: result.requests.total, failed: result.errors + result.non2xx }
    },
  }
}
