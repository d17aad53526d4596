import { ensureInvalidations } from '../src/cache/invalidation-feeds/postgres.ts'
import { freshSeed, seededRandom } from '../src/core/random.ts'
import { connectDatabase } from '../src/sql/database.ts'
import { installLayout } from '../src/topics/logs/postgres/layout.ts'
import type { FuzzOutcome } from '../test/integration/cache/fuzz/fuzz-coherence.ts'
import { fuzzCoherence } from '../test/integration/cache/fuzz/fuzz-coherence.ts'
import { prepareItems } from '../test/integration/cache/fuzz/prepare-items.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome, Figures, Peer } from './benchmark.ts'
import type { CacheContender } from './cache/contender.ts'
import type { HitCost } from './cache/measure-hits.ts'
import { measureHits, RAW } from './cache/measure-hits.ts'
import { measureStampede } from './cache/measure-stampede.ts'
import { contender as tenfold } from './cache/tenfold.ts'
import { contender as bentocache } from './peers/caches/bentocache.ts'
import { contender as cacheManager } from './peers/caches/cache-manager.ts'
import { contender as cacheable } from './peers/caches/cacheable.ts'
import { contender as layeredLoader } from './peers/caches/layered-loader.ts'
import { contender as lruCache } from './peers/caches/lru-cache.ts'
import { NOT_INSTALLED } from './peers/package-version.ts'
import { withScratchCluster } from './servers/scratch-cluster.ts'
import { withScratchRedis } from './servers/scratch-redis.ts'

const PEERS = [lruCache, layeredLoader, bentocache, cacheable, cacheManager] as const

export const benchmark: Benchmark = {
  name: 'cache',
  description:
    'what a hit costs, loads of a cold key that 8 processes want, and stale answers of processes under faults',
  run(context) {
    return withScratchCluster({ name: 'cache' }, context.signal, (cluster) =>
      withScratchRedis(context.signal, (redisUrl) => measure(context, cluster.url(), redisUrl)),
    )
  },
}

async function measure(
  context: BenchmarkContext,
  databaseUrl: string,
  redisUrl: string | undefined,
): Promise<BenchmarkOutcome> {
  const database = connectDatabase({ url: databaseUrl, connectionsMax: 2 })
  try {
    await installLayout(database)
    await ensureInvalidations(database)
    await prepareItems(database)
  } finally {
    await database.end()
  }
  const peers = PEERS.filter((peer) => peer.version() !== undefined)
  const hits = await measureHits([tenfold, ...peers], context)
  const links = { postgres: databaseUrl, redis: redisUrl }
  const stampedeLoads = await measureStampede(
    { module: tenfold.module, databaseUrl, linkUrl: databaseUrl },
    context.signal,
  )
  const coherence = await fuzzAll([tenfold, ...peers], { context, databaseUrl, links })
  const raw = hits.get(RAW) as HitCost
  const ours = hits.get(tenfold.name) as HitCost
  const theirs = hits.get(lruCache.name)
  return {
    figures: {
      ...hitFigures(ours),
      // As it is used for values that change; without a time to live it looks at no clock at all.
      ...(theirs === undefined ? {} : { hitRatioToLruCache: (ours.sync as number) / (theirs.sync as number) }),
      hitRatioToLruCacheNoTtl: (ours.sync as number) / (raw.sync as number),
      stampedeLoads,
      ...coherence.get(tenfold.name),
    },
    peers: PEERS.map((peer): Peer => {
      const version = peer.version()
      if (version === undefined) return { name: peer.name, ran: false, reason: NOT_INSTALLED }
      const figures = { ...hitFigures(hits.get(peer.name) as HitCost), ...coherence.get(peer.name) }
      return { name: peer.name, ran: true, version, figures }
    }),
  }
}

function hitFigures({ sync, async: later }: HitCost): Figures {
  return { ...(sync === undefined ? {} : { hitNsSync: sync }), hitNsAsync: later }
}

/**
 * Stale answers: first in one process, where nothing is in the way but that loads and changes overlap, all at the same time; then in
 * three, of those that can tell other processes, with lines cut and processes stopped and killed.
 */
async function fuzzAll(
  contenders: readonly CacheContender[],
  options: {
    readonly context: BenchmarkContext
    readonly databaseUrl: string
    readonly links: Readonly<Record<'postgres' | 'redis', string | undefined>>
  },
): Promise<ReadonlyMap<string, Figures>> {
  const { context, databaseUrl, links } = options
  const { isQuick, signal, keep, log } = context
  const seed = freshSeed()
  log(`seed ${seed}`)
  const durationMs = isQuick ? 4_000 : 60_000
  const fuzz = (contender: CacheContender, linkUrl: string, processes: number): Promise<FuzzOutcome> =>
    fuzzCoherence({
      module: contender.module,
      databaseUrl,
      linkUrl,
      processes,
      durationMs,
      ...(processes === 1 ? { faults: [], keys: 10, writers: 4 } : {}),
      random: seededRandom(seed),
      signal,
      // Clients of Redis that lose their connection say so at length.
      isSilent: contender !== tenfold,
    })
  const figures = new Map<string, Figures>()
  const note = (contender: CacheContender, where: string, outcome: FuzzOutcome): void => {
    const its = {
      [`staleReads${where}`]: outcome.wrongReads,
      [`reads${where}`]: outcome.reads,
      [`staleMsMax${where}`]: outcome.staleMsMax,
    }
    keep(`${contender.name}${where === '' ? ', 3 processes' : ', alone'}`, its)
    figures.set(contender.name, { ...figures.get(contender.name), ...its })
  }
  await Promise.all(
    contenders.map(async (each) => {
      const linkUrl = each.link === 'postgres' ? databaseUrl : ''
      note(each, 'Alone', await fuzz(each, linkUrl, 1))
    }),
  )
  const together = async (each: CacheContender): Promise<void> => {
    const linkUrl = each.link === undefined ? undefined : links[each.link]
    if (linkUrl !== undefined) note(each, '', await fuzz(each, linkUrl, 3))
  }
  const [ours, ...theirs] = contenders
  if (ours !== undefined) await together(ours)
  await Promise.all(theirs.map(together))
  return figures
}
