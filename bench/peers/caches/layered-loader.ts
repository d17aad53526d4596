import type { CacheSubject } from '../../../test/integration/cache/fuzz/subject.ts'
import type { CacheContender } from '../../cache/contender.ts'
import { packageVersion } from '../package-version.ts'

/** As much of it as is used here: the package may not be there when this is compiled. */
interface Package {
  Loader: new (options: object) => Loader
  RedisCache: new (redis: object, options: object) => object
  createNotificationPair(options: object): { publisher: object; consumer: object }
}

interface Loader {
  init(): Promise<void>
  getInMemoryOnly(key: string): number | undefined
  get(key: string): Promise<number>
  invalidateCacheFor(key: string): Promise<void>
  close(): Promise<void>
}

const IN_MEMORY = { cacheType: 'lru-object', ttlInMsecs: 60_000, maxItems: 10_000 }

async function load(): Promise<Package> {
  const name: string = 'layered-loader'
  return (await import(name)) as Package
}

export const contender: CacheContender = {
  name: 'layered-loader',
  module: import.meta.url,
  link: 'redis',
  version: () => packageVersion('layered-loader'),
  async openFilled(keys) {
    const { Loader } = await load()
    const loader = new Loader({ inMemoryCache: IN_MEMORY, dataSources: [{ name: 'numbers', get: async () => 1 }] })
    for (const key of keys) await loader.get(key)
    return {
      peek: (key) => loader.getInMemoryOnly(key),
      get: (key) => loader.get(key),
      end: () => loader.close(),
    }
  },
}

/** Without a URL in one process; else with Redis as the second tier, and notifications. */
export const subject: CacheSubject = {
  async open({ linkUrl }) {
    const { Loader, RedisCache, createNotificationPair } = await load()
    const loads = new Map<string, () => Promise<number>>()
    const dataSources = [{ name: 'items', get: (key: string) => loads.get(key)?.() }]
    const link = linkUrl === '' ? {} : await openRedis(linkUrl, RedisCache, createNotificationPair)
    const loader = new Loader({ inMemoryCache: IN_MEMORY, dataSources, ...link })
    await loader.init()
    return {
      get(key, how) {
        loads.set(key, how)
        return loader.get(key)
      },
      async change(key, store) {
        const version = await store.change(key, async () => undefined)
        await loader.invalidateCacheFor(key)
        return version
      },
      end: () => loader.close(),
    }
  },
}

async function openRedis(
  url: string,
  RedisCache: Package['RedisCache'],
  createPair: Package['createNotificationPair'],
): Promise<object> {
  const name: string = 'ioredis'
  const { Redis } = (await import(name)) as { Redis: new (url: string) => { on(event: string, f: () => void): void } }
  const connect = (): object => {
    const redis = new Redis(url)
    redis.on('error', () => undefined)
    return redis
  }
  const { publisher, consumer } = createPair({ channel: 'items', publisherRedis: connect(), consumerRedis: connect() })
  return {
    asyncCache: new RedisCache(connect(), { ttlInMsecs: 60_000, json: true, prefix: 'layered' }),
    notificationPublisher: publisher,
    notificationConsumer: consumer,
  }
}
