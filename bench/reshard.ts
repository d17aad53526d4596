import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../src/core/clock.ts'
import type { Random } from '../src/core/random.ts'
import { freshSeed, seededRandom } from '../src/core/random.ts'
import type { MoveWish } from '../src/shards/reshard/move.ts'
import type { Resharder } from '../src/shards/reshard/resharder.ts'
import { createResharder } from '../src/shards/reshard/resharder.ts'
import type { TwoShards } from '../test/integration/shards/two-shards.ts'
import { createTwoShards } from '../test/integration/shards/two-shards.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts'
import { median } from './benchmark.ts'
import type { DinnerRush } from './reshard/dinner-rush.ts'
import { startDinnerRush } from './reshard/dinner-rush.ts'

const ROWS = 20_000
const BUCKETS_MOVED = 4
/** How long before, during undisturbed moves, and while whoever drives them is killed. */
const QUICK_MS = { before: 3_000, moves: 12_000, kills: 6_000 }
const FULL_MS = { before: 15_000, moves: 120_000, kills: 120_000 }

/** Whether users notice that their rows move to another shard. */
export const benchmark: Benchmark = {
  name: 'reshard',
  description:
    'a quarter of the buckets moves to another shard and back while users order; kill -9 of whoever moves them, and of servers in the long run',
  async run(context) {
    const bed = await createTwoShards()
    try {
      return await measure(context, bed)
    } finally {
      await bed.end()
    }
  },
}

interface Turn {
  readonly gapMs: number
  readonly fenceMs: number
  readonly verifiedRows: number
  readonly knownRows: number
}

async function measure(context: BenchmarkContext, bed: TwoShards): Promise<BenchmarkOutcome> {
  const { isQuick, signal, log, keep } = context
  const seed = freshSeed()
  log(`seed ${seed}`)
  const times = isQuick ? QUICK_MS : FULL_MS
  const buckets = [...bed.map.owners]
    .filter(([, { shard }]) => shard === 0)
    .map(([bucket]) => bucket)
    .slice(0, BUCKETS_MOVED)
  const moving = new Set(buckets)
  await fill(bed)
  const rush = startDinnerRush(bed, moving)
  // Also when it is stopped half-way: nobody orders for ever.
  signal.addEventListener('abort', () => void rush.end(), { once: true })
  const resharder = createResharder({ places: bed.places })
  await sleep(systemClock, times.before / 4, signal)
  const beforeMs = systemClock.nowMs()
  await sleep(systemClock, times.before, signal)
  const before = rush.otherLatenciesMs(moving, beforeMs)
  const movesMs = systemClock.nowMs()
  const { id } = await resharder.add(buckets, 1)
  const turns: Turn[] = []
  for (
    let wish: MoveWish | undefined;
    wish === undefined || systemClock.nowMs() - movesMs < times.moves;
    wish = 'back'
  ) {
    const turn = await moveOnce({ resharder, rush, moving, signal }, id, wish)
    turns.push(turn)
    keep('turn', { ...turn })
  }
  const during = rush.otherLatenciesMs(moving, movesMs)
  const failedBefore = rush.failures.length
  const random = seededRandom(seed)
  const killing = new AbortController()
  // In the long run servers die, too, which users are told of.
  const servers = isQuick ? Promise.resolve(0) : killServers(bed, random, AbortSignal.any([killing.signal, signal]))
  const kills = await whileKilled({ bed, resharder, random, signal }, id, times.kills)
  killing.abort()
  const serverKills = await servers
  await resharder.ask(id, 'finish')
  const { state } = await resharder.drive(id, signal)
  await rush.end()
  if (rush.failures.length > 0) log(`users were told: ${[...new Set(rush.failures)].slice(0, 5).join('; ')}`)
  const audit = await rush.audit(await resharder.map())
  const gaps = turns.map(({ gapMs }) => gapMs)
  return {
    figures: {
      acknowledged: rush.acknowledged,
      ...audit,
      staleReads: rush.staleReads,
      verifiedPct: 100 * Math.min(...turns.map(({ verifiedRows, knownRows }) => Math.min(1, verifiedRows / knownRows))),
      pauseMsP50: median(gaps),
      pauseMsP99: percentile(gaps, 0.99),
      fenceMsP50: median(turns.map(({ fenceMs }) => fenceMs)),
      fenceMsP99: percentile(
        turns.map(({ fenceMs }) => fenceMs),
        0.99,
      ),
      otherBucketsP99Ratio: percentile(during, 0.99) / percentile(before, 0.99),
      turns: turns.length,
      failed: isQuick ? rush.failures.length : failedBefore,
      kills,
      serverKills,
      isComplete: state.step === 'done' ? 1 : 0,
    },
    peers: [],
  }
}

async function fill(bed: TwoShards): Promise<void> {
  for (const shard of bed.shards) {
    await shard.query(
      `insert into "order" select u, gen_random_uuid(), 1, repeat('note ', 20)
         from generate_series(1, 256) u, generate_series(1, $1::int / 256) n
        where (hashint8extended(u::bigint, 0) & 15) in (select bucket from tenfold_shards.owned where state = 'owned')`,
      [ROWS],
    )
    await shard.query('analyze "order"')
  }
}

interface Moving {
  readonly resharder: Resharder
  readonly rush: DinnerRush
  readonly moving: ReadonlySet<number>
  readonly signal: AbortSignal
}

/** There, or back. */
async function moveOnce(
  { resharder, rush, moving, signal }: Moving,
  id: number,
  wish: MoveWish | undefined,
): Promise<Turn> {
  const knownRows = rush.acknowledgedOf(moving)
  const startMs = systemClock.nowMs()
  if (wish !== undefined) await resharder.ask(id, wish)
  const { state } = await resharder.drive(id, signal)
  if (state.step !== 'moved')
    throw new Error(`expected the buckets to have moved, got ${JSON.stringify(state.problem)}`)
  // Whoever waits for the new map has found it by then.
  await sleep(systemClock, 300, signal)
  const { verifiedRows, pauseMs = Number.NaN } = state
  return { gapMs: rush.longestGapMs(moving, startMs), fenceMs: pauseMs, verifiedRows, knownRows }
}

interface Killing {
  readonly bed: TwoShards
  readonly resharder: Resharder
  readonly random: Random
  readonly signal: AbortSignal
}

/** @returns how often whoever drove the move was killed */
async function whileKilled({ bed, resharder, random, signal }: Killing, id: number, ms: number): Promise<number> {
  const program = fileURLToPath(new URL('reshard/mover-process.ts', import.meta.url))
  const urls = [0, 1].map((shard) => bed.places.url(shard))
  const endMs = systemClock.nowMs() + ms
  let kills = 0
  await resharder.ask(id, 'back')
  while (systemClock.nowMs() < endMs) {
    const child = spawn(process.execPath, ['--conditions=tenfold-source', program, String(id), ...urls], {
      stdio: 'inherit',
    })
    const exited = new Promise<boolean>((resolve) => child.once('exit', (code) => resolve(code === 0)))
    const killed = new AbortController()
    const timer = sleep(systemClock, 300 + random.integer(1_500), AbortSignal.any([killed.signal, signal])).then(
      () => child.kill('SIGKILL'),
      () => child.kill('SIGKILL'),
    )
    const isOver = await exited
    killed.abort()
    await timer
    signal.throwIfAborted()
    if (isOver) await resharder.ask(id, 'back')
    else kills++
  }
  await resharder.drive(id, signal)
  return kills
}

/** Kills the server of one shard or the other every few seconds; each comes back by itself. */
async function killServers(bed: TwoShards, random: Random, signal: AbortSignal): Promise<number> {
  let kills = 0
  while (!signal.aborted) {
    await sleep(systemClock, 3_000 + random.integer(5_000), signal).catch(() => undefined)
    const cluster = bed.clusters[random.integer(2)]!
    if (signal.aborted || cluster.state.kind !== 'ready') continue
    cluster.process?.signal('SIGKILL')
    kills++
  }
  return kills
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
