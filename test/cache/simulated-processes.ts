import type { Cache } from '../../src/cache/cache.ts'
import { createCache } from '../../src/cache/cache.ts'
import type { CacheOptions } from '../../src/cache/cache-options.ts'
import type { Coherence } from '../../src/cache/coherence.ts'
import { followFeed } from '../../src/cache/follow-feed.ts'
import type { InvalidationFeed } from '../../src/cache/invalidation-feed.ts'
import { createMemoryFeed } from '../../src/cache/invalidation-feeds/memory.ts'
import type { Cancel, Clock } from '../../src/core/clock.ts'
import { sleep } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

/** A process with a cache, whose link to the feed can be cut, and which can be stopped. */
export interface SimulatedProcess {
  readonly cache: Cache<number>
  readonly coherence: Coherence
  /** Readings hang, or fail; nobody wakes it. */
  cut(how: 'hangs' | 'fails'): void
  heal(): void
  /** No timer of it runs, and nothing arrives; its clock goes on. */
  stop(): void
  go(): void
  /** Resolves when the process runs. */
  runs(): Promise<void>
  readonly isStopped: boolean
  readonly isCut: boolean
  /** Readings that have begun. */
  readonly readings: number
}

/** Several processes, and the versions of keys in a database that all of them read. */
export function simulateProcesses(
  count: number,
  { readMs = 3, ...options }: Partial<CacheOptions<number>> & { readMs?: number } = {},
) {
  const clock: VirtualClock = virtualClock()
  const hub = createMemoryFeed()
  const versions = new Map<string, number>()
  const processes = Array.from({ length: count }, (_, index) => simulateProcess(clock, hub, index, readMs, options))
  return { clock, hub, versions, processes, version: (key: string): number => versions.get(key) ?? 0 }
}

function simulateProcess(
  clock: VirtualClock,
  hub: InvalidationFeed,
  index: number,
  readMs: number,
  options: Partial<CacheOptions<number>>,
): SimulatedProcess {
  /** Of a process that is stopped, until it goes on. */
  let stopped: PromiseWithResolvers<void> | undefined
  let link: 'up' | 'hangs' | 'fails' = 'up'
  let readings = 0
  const runs = async (): Promise<void> => {
    for (let gate = stopped; gate !== undefined; gate = stopped) await gate.promise
  }
  const whenRunning = async (work: () => void): Promise<void> => {
    if (stopped !== undefined) await runs()
    work()
  }
  const own: Clock = {
    epochMs: () => clock.epochMs(),
    nowMs: () => clock.nowMs(),
    schedule(delayMs, callback): Cancel {
      let isOff = false
      const cancel = clock.schedule(delayMs, () => void whenRunning(() => isOff || callback()))
      return () => {
        isOff = true
        cancel()
      }
    },
    every: (intervalMs, callback) => clock.every(intervalMs, () => void whenRunning(callback)),
  }
  const feed: InvalidationFeed = {
    async publish(invalidations, how) {
      if (link !== 'up') throw new Error('the feed is cut off')
      await hub.publish(invalidations, how)
    },
    async read(after) {
      readings++
      await sleep(clock, readMs / 2)
      if (link === 'fails') throw new Error('the feed is cut off')
      if (link === 'hangs') return new Promise<never>(() => undefined)
      const found = await hub.read(after)
      await sleep(clock, readMs / 2)
      await runs()
      return found
    },
    onWake: (callback) => hub.onWake(() => void whenRunning(() => link === 'up' && callback())),
  }
  const coherence = followFeed({ feed, clock: own })
  const cache = createCache<number>({
    name: 'versions',
    ttl: '1h',
    clock: own,
    coherence,
    random: seededRandom(index),
    ...options,
  })
  return {
    cache,
    coherence,
    runs,
    cut: (how) => void (link = how),
    heal: () => void (link = 'up'),
    stop: () => void (stopped ??= Promise.withResolvers<void>()),
    go() {
      const gate = stopped
      stopped = undefined
      gate?.resolve()
    },
    get isStopped() {
      return stopped !== undefined
    },
    get isCut() {
      return link !== 'up'
    },
    get readings() {
      return readings
    },
  }
}
