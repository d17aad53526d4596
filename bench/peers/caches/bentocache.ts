import type { CacheSubject } from '../../../test/integration/cache/fuzz/subject.ts'
import type { CacheContender } from '../../cache/contender.ts'
import { packageVersion } from '../package-version.ts'

/** As much of it as is used here: the package may not be there when this is compiled. */
interface Bento {
  getOrSet(options: { key: string; ttl: string; factory: () => Promise<number> }): Promise<number>
  delete(options: { key: string }): Promise<boolean>
  disconnectAll(): Promise<void>
}

interface Store {
  useL1Layer(driver: object): Store
  useL2Layer(driver: object): Store
  useBus(driver: object): Store
}

async function open(redisUrl: string): Promise<Bento> {
  const [main, memory, redis]: string[] = ['bentocache', 'bentocache/drivers/memory', 'bentocache/drivers/redis']
  const { BentoCache, bentostore } = (await import(main!)) as {
    BentoCache: new (options: object) => Bento
    bentostore: () => Store
  }
  const { memoryDriver } = (await import(memory!)) as { memoryDriver(options: object): object }
  let store = bentostore().useL1Layer(memoryDriver({ maxItems: 10_000 }))
  if (redisUrl !== '') {
    const { redisDriver, redisBusDriver } = (await import(redis!)) as {
      redisDriver(options: object): object
      redisBusDriver(options: object): object
    }
    const { hostname: host, port } = new URL(redisUrl)
    const connection = { host, port: Number(port) }
    store = store.useL2Layer(redisDriver({ connection })).useBus(redisBusDriver({ connection }))
  }
  return new BentoCache({ default: 'items', stores: { items: store } })
}

export const contender: CacheContender = {
  name: 'bentocache',
  module: import.meta.url,
  link: 'redis',
  version: () => packageVersion('bentocache'),
  async openFilled(keys) {
    const bento = await open('')
    const options = new Map(keys.map((key) => [key, { key, ttl: '60s', factory: async () => 1 }]))
    for (const each of options.values()) await bento.getOrSet(each)
    return {
      get: (key) => bento.getOrSet(options.get(key)!),
      end: () => bento.disconnectAll(),
    }
  },
}

/** Without a URL in one process; else with Redis as the second tier and as the bus. */
export const subject: CacheSubject = {
  async open({ linkUrl }) {
    const bento = await open(linkUrl)
    return {
      get: (key, factory) => bento.getOrSet({ key, ttl: '60s', factory }),
      async change(key, store) {
        const version = await store.change(key, async () => undefined)
        await bento.delete({ key })
        return version
      },
      end: () => bento.disconnectAll(),
    }
  },
}
