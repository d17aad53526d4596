import { LRUCache } from 'lru-cache'
import { systemClock } from '../../src/core/clock.ts'
import type { BenchmarkContext } from '../benchmark.ts'
import { median } from '../benchmark.ts'
import type { CacheContender, FilledCache } from './contender.ts'

/** Nanoseconds of a hit. */
export interface HitCost {
  readonly sync: number | undefined
  readonly async: number
}

/** What every key is looked up in: without a time to live, there is nothing faster to compare with. */
export const RAW = 'lru-cache, no ttl'

const KEYS = Array.from({ length: 1_000 }, (_, index) => `recipe:${index}`)
/** Between batches everybody may do what his timers want. */
const BATCH = 10_000
/** Some take ten microseconds for one. */
const ASYNC_BATCH = 1_000

/** All in turn, in rounds. */
export async function measureHits(
  contenders: readonly CacheContender[],
  { isQuick, signal, keep }: BenchmarkContext,
): Promise<ReadonlyMap<string, HitCost>> {
  const caches: [name: string, cache: FilledCache][] = [[RAW, openRaw()]]
  for (const contender of contenders) caches.push([contender.name, await contender.openFilled(KEYS)])
  const found = new Map(caches.map(([name]) => [name, { sync: [] as number[], async: [] as number[] }]))
  const [rounds, batches] = isQuick ? [8, 8] : [20, 50]
  for (let round = 0; round < rounds; round++) {
    for (const [name, cache] of caches) {
      signal.throwIfAborted()
      const { peek } = cache
      if (peek !== undefined) found.get(name)?.sync.push(await timeSync(peek, cache, batches))
      found.get(name)?.async.push(await timeAsync((key) => cache.get(key), batches))
    }
  }
  for (const [, cache] of caches) await cache.end()
  const costs = new Map<string, HitCost>()
  for (const [name, { sync, async: later }] of found) {
    // The first rounds are those of the compiler.
    const cost = { sync: sync.length === 0 ? undefined : median(sync.slice(2)), async: median(later.slice(2)) }
    costs.set(name, cost)
    keep(name, { ...(cost.sync === undefined ? {} : { hitNsSync: cost.sync }), hitNsAsync: cost.async })
  }
  return costs
}

function openRaw(): FilledCache {
  const cache = new LRUCache<string, number>({ max: 10_000 })
  for (const [index, key] of KEYS.entries()) cache.set(key, index)
  return { peek: (key) => cache.get(key), get: async (key) => cache.get(key), end: async () => cache.clear() }
}

/** The median of batches: what has disturbed one does not count. */
async function timeSync(peek: (key: string) => unknown, cache: FilledCache, batches: number): Promise<number> {
  const times: number[] = []
  for (let batch = 0; batch < batches; batch++) {
    await turn()
    // Whoever has had nothing to do for long may have to look at something first.
    await cache.get(KEYS[0]!)
    const beganMs = systemClock.nowMs()
    let missed = 0
    for (let n = 0; n < BATCH; n++) if (peek(KEYS[n % KEYS.length]!) === undefined) missed++
    const tookMs = systemClock.nowMs() - beganMs
    if (missed === 0) times.push((tookMs / BATCH) * 1e6)
  }
  return median(times)
}

async function timeAsync(get: (key: string) => Promise<unknown>, batches: number): Promise<number> {
  const times: number[] = []
  for (let batch = 0; batch < batches; batch++) {
    await turn()
    await get(KEYS[0]!)
    const beganMs = systemClock.nowMs()
    for (let n = 0; n < ASYNC_BATCH; n++) await get(KEYS[n % KEYS.length]!)
    times.push(((systemClock.nowMs() - beganMs) / ASYNC_BATCH) * 1e6)
  }
  return median(times)
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
