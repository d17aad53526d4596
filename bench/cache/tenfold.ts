import { createCache } from '../../src/cache/cache.ts'
import { followFeed } from '../../src/cache/follow-feed.ts'
import { createMemoryFeed } from '../../src/cache/invalidation-feeds/memory.ts'
import { packageVersion } from '../peers/package-version.ts'
import type { CacheContender } from './contender.ts'

export { subject } from '../../test/integration/cache/fuzz/tenfold-subject.ts'

/** Under the lease that it has with other processes. */
export const contender: CacheContender = {
  name: 'tenfold',
  module: import.meta.url,
  link: 'postgres',
  version: () => packageVersion('tenfold') ?? 'this checkout',
  async openFilled(keys) {
    const coherence = followFeed({ feed: createMemoryFeed() })
    const cache = createCache<number>({ name: 'numbers', ttl: '60s', coherence })
    const load = async (): Promise<number> => 1
    for (const key of keys) await cache.get(key, load)
    return {
      peek: (key) => cache.peek(key),
      get: (key) => cache.get(key, load),
      async end() {
        cache.end()
        coherence.end()
      },
    }
  },
}
