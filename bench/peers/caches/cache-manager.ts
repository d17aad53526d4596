import type { CacheSubject } from '../../../test/integration/cache/fuzz/subject.ts'
import type { CacheContender } from '../../cache/contender.ts'
import { packageVersion } from '../package-version.ts'

/** As much of it as is used here: the package may not be there when this is compiled. */
interface Manager {
  wrap(key: string, load: () => Promise<number>, ttlMs: number): Promise<number>
  del(key: string): Promise<boolean>
  disconnect(): Promise<unknown>
}

const TTL_MS = 60_000

async function open(): Promise<Manager> {
  const name: string = 'cache-manager'
  const { createCache } = (await import(name)) as { createCache(): Manager }
  return createCache()
}

export const contender: CacheContender = {
  name: 'cache-manager',
  module: import.meta.url,
  link: undefined,
  version: () => packageVersion('cache-manager'),
  async openFilled(keys) {
    const cache = await open()
    const load = async (): Promise<number> => 1
    for (const key of keys) await cache.wrap(key, load, TTL_MS)
    return { get: (key) => cache.wrap(key, load, TTL_MS), end: async () => void (await cache.disconnect()) }
  },
}

export const subject: CacheSubject = {
  async open() {
    const cache = await open()
    return {
      get: (key, load) => cache.wrap(key, load, TTL_MS),
      async change(key, store) {
        const version = await store.change(key, async () => undefined)
        await cache.del(key)
        return version
      },
      end: async () => void (await cache.disconnect()),
    }
  },
}
