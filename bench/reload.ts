import { createHistogram } from '../src/core/histogram.ts'
import type { LoadResult } from '../src/load/load-result.ts'
import { runRequests } from '../src/load/run-load.ts'
import { sleep, systemClock } from '../src/core/clock.ts'
import type { Benchmark, BenchmarkContext, Figures, Peer } from './benchmark.ts'
import { pm2Subject, pm2Version } from './reload/pm2-subject.ts'
import type { Subject } from './reload/subject.ts'
import { tenfoldSubject } from './reload/tenfold-subject.ts'
import { closedLoop } from './scale-model/closed-loop.ts'

/** How much is done; the rate is never more than half of what the subject can do. */
interface Size {
  readonly rateMax: number
  readonly requests: number
  readonly quietSeconds: number
  /** Of a release, a kill and scaling out and in. */
  readonly rounds: number
}
const FULL: Size = { rateMax: 1_000, requests: 100_000, quietSeconds: 20, rounds: 10 }
const QUICK: Size = { rateMax: 400, requests: 5_000, quietSeconds: 4, rounds: 2 }
const QUICK_PEER: Size = { rateMax: 300, requests: 1_500, quietSeconds: 2, rounds: 1 }
const CAPACITY_SECONDS = 2
const CONCURRENCY = 32

/** What clients notice of releases, scaling and crashes. Requests are GETs, which may be repeated. */
export const benchmark: Benchmark = {
  name: 'reload',
  description: 'failed requests and p99 under releases, scaling 2 → 8 → 2 and kill -9, against pm2 reload',
  async run(context) {
    const figures = await measure(await tenfoldSubject(context.signal), context, context.isQuick ? QUICK : FULL)
    return { figures, peers: [await pm2(context)] }
  },
}

async function pm2(context: BenchmarkContext): Promise<Peer> {
  const version = await pm2Version()
  if (version === undefined) return { name: 'pm2', ran: false, reason: 'no pm2 on the PATH' }
  const figures = await measure(await pm2Subject(), context, context.isQuick ? QUICK_PEER : FULL)
  return { name: 'pm2', ran: true, version, figures }
}

async function measure(subject: Subject, context: BenchmarkContext, size: Size): Promise<Figures> {
  const { signal, log } = context
  try {
    const { requestsPerSecond: capacity } = await closedLoop(subject.url, [], {
      concurrency: CONCURRENCY,
      seconds: CAPACITY_SECONDS,
      signal,
    })
    const rate = Math.floor(Math.min(size.rateMax, capacity / 2))
    log(`${subject.name}: ${Math.round(capacity)} requests/s at most, ${rate} from now on`)
    const load = (seconds: number): Promise<LoadResult> =>
      runRequests({
        target: subject.url,
        ratePerSecond: rate,
        durationMs: seconds * 1_000,
        seed: 1,
        connections: { min: CONCURRENCY },
        signal,
      })
    const quiet = await load(size.quietSeconds)
    const disturbances = disturb(subject, size.rounds, log)
    const runs: LoadResult[] = []
    const seconds = Math.max(1, Math.ceil(size.requests / rate) - size.quietSeconds)
    do runs.push(await load(runs.length === 0 ? seconds : 2))
    while (!disturbances.isOver())
    const counts = await disturbances.counts
    const all = createHistogram()
    for (const { latency } of runs) all.merge(latency.succeeded)
    const sum = (of: (result: LoadResult) => number): number =>
      [quiet, ...runs].reduce((total, each) => total + of(each), 0)
    for (const { examples } of runs) for (const { kind, problem } of examples) log(`  ${kind}: ${problem}`)
    const figures = {
      failedRequests: sum(({ requests }) => requests.failed),
      totalRequests: sum(({ requests }) => requests.offered),
      p99Ratio: all.percentile(99) / 1_000 / quiet.latency.msP99,
      p99QuietMs: quiet.latency.msP99,
      p99Ms: all.percentile(99) / 1_000,
      msMax: all.max / 1_000,
      shareOfCapacity: rate / capacity,
      ...counts,
    }
    context.keep(subject.name, figures)
    return figures
  } finally {
    await subject.stop()
  }
}

/** One thing after the other, while requests come in. */
function disturb(
  subject: Subject,
  rounds: number,
  log: (text: string) => void,
): { isOver(): boolean; counts: Promise<Figures> } {
  const counts = { releases: 0, scalings: 0, kills: 0 }
  let isOver = false
  const timed = async (what: string, work: Promise<void>): Promise<void> => {
    const startMs = systemClock.nowMs()
    await work
    log(`  ${what} in ${((systemClock.nowMs() - startMs) / 1_000).toFixed(1)} s`)
  }
  const round = async (): Promise<void> => {
    await timed('released', subject.release())
    counts.releases++
    await timed('killed one and replaced', subject.kill())
    counts.kills++
    for (const count of [8, 2]) {
      await timed(`scaled to ${count}`, subject.scale(count))
      counts.scalings++
    }
  }
  const all = (async () => {
    try {
      await sleep(systemClock, 1_000)
      for (let done = 0; done < rounds; done++) await round()
      return counts
    } finally {
      isOver = true
    }
  })()
  all.catch(() => undefined)
  return { isOver: () => isOver, counts: all }
}
