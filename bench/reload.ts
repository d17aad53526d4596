import { createHistogram } from '../src/core/histogram.ts'
import type { LoadResult } from '../src/load/load-result.ts'
import { runRequests } from '../src/load/run-load.ts'
import { sleep, systemClock } from '../src/core/clock.ts'
import type { Benchmark, BenchmarkContext, Figures, Peer } from './benchmark.ts'
import { median } from './benchmark.ts'
import { pm2Subject, pm2Version } from './reload/pm2-subject.ts'
import type { Subject } from './reload/subject.ts'
import { tenfoldSubject } from './reload/tenfold-subject.ts'
import { closedLoop } from './scale-model/closed-loop.ts'

/** How much is done with one subject; the rate is never more than half of what it can do. */
interface Size {
  readonly rateMax: number
  /** At least; more where the disturbances take longer. */
  readonly requests: number
  readonly quietSeconds: number
  /** Of a release, a kill and scaling out and in. */
  readonly rounds: number
}
const FULL: Size = { rateMax: 1_000, requests: 100_000, quietSeconds: 20, rounds: 10 }
const QUICK: Size = { rateMax: 400, requests: 5_000, quietSeconds: 4.5, rounds: 3 }
/** pm2 takes several times as long for a round, whatever is asked of it meanwhile. */
const FULL_PEER: Size = { ...FULL, requests: 20_000 }
const QUICK_PEER: Size = { rateMax: 300, requests: 1_500, quietSeconds: 2, rounds: 1 }
const CAPACITY_SECONDS = 2
const CONCURRENCY = 32

/** What clients notice of releases, scaling and crashes. Requests are GETs, which may be repeated. */
export const benchmark: Benchmark = {
  name: 'reload',
  description: 'failed requests and p99 under releases, scaling 2 → 8 → 2 and kill -9, against pm2 reload',
  async run(context) {
    const { isQuick, signal } = context
    const version = await pm2Version()
    const subjects = await startAll([tenfoldSubject(signal), ...(version === undefined ? [] : [pm2Subject()])])
    try {
      const trials: Trial[] = []
      for (const subject of subjects) {
        const [own, peer] = isQuick ? [QUICK, QUICK_PEER] : [FULL, FULL_PEER]
        trials.push(await begin(subject, context, subject === subjects[0] ? own : peer))
      }
      // In turns, so that a noisy minute hits both.
      for (let round = 0; round < FULL.rounds; round++) {
        for (const trial of trials) if (round < trial.size.rounds) await disturbed(trial, context)
      }
      const [figures, peer] = trials.map(figuresOf)
      trials.forEach(({ subject }, at) => context.keep(subject.name, [figures, peer][at]!))
      const peers: Peer[] = [
        version === undefined || peer === undefined
          ? { name: 'pm2', ran: false, reason: 'no pm2 in bench/peers or on the PATH' }
          : { name: 'pm2', ran: true, version, figures: peer },
      ]
      return { figures: figures!, peers }
    } finally {
      await Promise.all(subjects.map((subject) => subject.stop()))
    }
  },
}

/** All of them, or none. */
async function startAll(starts: readonly Promise<Subject>[]): Promise<readonly Subject[]> {
  const outcomes = await Promise.allSettled(starts)
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed === undefined) return started
  await Promise.all(started.map((subject) => subject.stop()))
  throw failed.reason
}

/** What has been measured of one subject so far. */
interface Trial {
  readonly subject: Subject
  readonly size: Size
  readonly ratePerSecond: number
  readonly shareOfCapacity: number
  readonly quiet: LoadResult[]
  /** By round. */
  readonly disturbed: LoadResult[][]
  readonly counts: { releases: number; scalings: number; kills: number }
}

/** Finds out what it can do. */
async function begin(subject: Subject, { signal, log }: BenchmarkContext, size: Size): Promise<Trial> {
  const options = { concurrency: CONCURRENCY, seconds: CAPACITY_SECONDS, signal }
  const { requestsPerSecond: capacity } = await closedLoop(subject.url, [], options)
  const ratePerSecond = Math.floor(Math.min(size.rateMax, capacity / 2))
  log(`${subject.name}: ${Math.round(capacity)} requests/s at most, ${ratePerSecond} from now on`)
  const counts = { releases: 0, scalings: 0, kills: 0 }
  return { subject, size, ratePerSecond, shareOfCapacity: ratePerSecond / capacity, quiet: [], disturbed: [], counts }
}

/** One round, under load from before its beginning to after its end. */
async function disturbed(trial: Trial, { signal, log }: BenchmarkContext): Promise<void> {
  const { subject, size, ratePerSecond } = trial
  const load = (seconds: number): Promise<LoadResult> =>
    runRequests({
      target: subject.url,
      ratePerSecond,
      durationMs: seconds * 1_000,
      seed: 1,
      connections: { min: CONCURRENCY },
      signal,
    })
  const quietSeconds = size.quietSeconds / size.rounds
  trial.quiet.push(await load(quietSeconds))
  const results: LoadResult[] = []
  trial.disturbed.push(results)
  const disturbances = disturb(trial, log)
  let seconds = Math.max(1, Math.ceil(size.requests / ratePerSecond / size.rounds - quietSeconds))
  do {
    const result = await load(seconds)
    results.push(result)
    for (const { kind, problem } of result.examples) log(`  ${subject.name}: ${kind}: ${problem}`)
    seconds = 2
  } while (!disturbances.isOver())
  await disturbances.done
}

/** Percentiles are medians of the rounds: one in which the machine had other work to do tells of that. */
function figuresOf({ quiet, disturbed: rounds, counts, shareOfCapacity }: Trial): Figures {
  const before = median(quiet.map((result) => msP99([result])))
  const meanwhile = rounds.map(msP99)
  const all = [...quiet, ...rounds.flat()]
  const sum = (of: (result: LoadResult) => number): number => all.reduce((total, each) => total + of(each), 0)
  return {
    failedRequests: sum(({ requests }) => requests.failed),
    totalRequests: sum(({ requests }) => requests.offered),
    p99Ratio: median(meanwhile) / before,
    p99QuietMs: before,
    p99Ms: median(meanwhile),
    p99MsMin: Math.min(...meanwhile),
    p99MsMax: Math.max(...meanwhile),
    msMax: Math.max(...all.map(({ latency }) => latency.msMax)),
    // What the client itself was late by counts as latency.
    generatorLagMsP99: median(rounds.flat().map(({ generator }) => generator.lagMsP99)),
    shareOfCapacity,
    ...counts,
  }
}

function msP99(results: readonly LoadResult[]): number {
  const all = createHistogram()
  for (const { latency } of results) all.merge(latency.succeeded)
  return all.percentile(99) / 1_000
}

/** One thing after the other, while requests come in. */
function disturb({ subject, counts }: Trial, log: (text: string) => void): { isOver(): boolean; done: Promise<void> } {
  let isOver = false
  const timed = async (what: string, work: Promise<void>): Promise<void> => {
    const startMs = systemClock.nowMs()
    await work
    log(`  ${subject.name}: ${what} in ${((systemClock.nowMs() - startMs) / 1_000).toFixed(1)} s`)
  }
  const done = (async () => {
    try {
      await sleep(systemClock, 500)
      await timed('released', subject.release())
      counts.releases++
      await timed('killed one and replaced', subject.kill())
      counts.kills++
      for (const count of [8, 2]) {
        await timed(`scaled to ${count}`, subject.scale(count))
        counts.scalings++
      }
    } finally {
      isOver = true
    }
  })()
  done.catch(() => undefined)
  return { isOver: () => isOver, done }
}
