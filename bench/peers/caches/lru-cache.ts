import { LRUCache } from 'lru-cache'
import type { CacheSubject } from '../../../test/integration/cache/fuzz/subject.ts'
import type { CacheContender } from '../../cache/contender.ts'
import { packageVersion } from '../package-version.ts'

type Load = () => Promise<number>

function open(): LRUCache<string, number, Load> {
  return new LRUCache<string, number, Load>({
    max: 10_000,
    ttl: 60_000,
    fetchMethod: (_key, _stale, { context }) => context(),
  })
}

/** With a time to live, as a cache of values that change needs it. */
export const contender: CacheContender = {
  name: 'lru-cache',
  module: import.meta.url,
  link: undefined,
  version: () => packageVersion('lru-cache'),
  async openFilled(keys) {
    const cache = open()
    for (const [index, key] of keys.entries()) cache.set(key, index)
    const load = async (): Promise<number> => 0
    return {
      peek: (key) => cache.get(key),
      get: (key) => cache.fetch(key, { context: load }),
      end: async () => cache.clear(),
    }
  },
}

export const subject: CacheSubject = {
  async open() {
    const cache = open()
    return {
      get: (key, load) => cache.forceFetch(key, { context: load }),
      async change(key, store) {
        const version = await store.change(key, async () => undefined)
        cache.delete(key)
        return version
      },
      end: async () => cache.clear(),
    }
  },
}
