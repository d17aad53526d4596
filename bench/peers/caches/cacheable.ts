import type { CacheSubject } from '../../../test/integration/cache/fuzz/subject.ts'
import type { CacheContender } from '../../cache/contender.ts'
import { packageVersion } from '../package-version.ts'

/** As much of it as is used here: the package may not be there when this is compiled. */
interface Cacheable {
  getOrSet(key: string, load: () => Promise<number>, options: { ttl: number }): Promise<number>
  delete(key: string): Promise<boolean>
  disconnect(): Promise<void>
}

const TTL = { ttl: 60_000 }

async function open(): Promise<Cacheable> {
  const name: string = 'cacheable'
  const { Cacheable } = (await import(name)) as { Cacheable: new () => Cacheable }
  return new Cacheable()
}

export const contender: CacheContender = {
  name: 'cacheable',
  module: import.meta.url,
  link: undefined,
  version: () => packageVersion('cacheable'),
  async openFilled(keys) {
    const cache = await open()
    const load = async (): Promise<number> => 1
    for (const key of keys) await cache.getOrSet(key, load, TTL)
    return { get: (key) => cache.getOrSet(key, load, TTL), end: () => cache.disconnect() }
  },
}

export const subject: CacheSubject = {
  async open() {
    const cache = await open()
    return {
      get: (key, load) => cache.getOrSet(key, load, TTL),
      async change(key, store) {
        const version = await store.change(key, async () => undefined)
        await cache.delete(key)
        return version
      },
      end: () => cache.disconnect(),
    }
  },
}
