import { createCache } from '../../../../src/cache/cache.ts'
import { followFeed } from '../../../../src/cache/follow-feed.ts'
import type { CacheTransaction } from '../../../../src/cache/invalidation-feed.ts'
import { createPostgresFeed } from '../../../../src/cache/invalidation-feeds/postgres.ts'
import { connectDatabase } from '../../../../src/sql/database.ts'
import { createPostgresLog } from '../../../../src/topics/logs/postgres/postgres-log.ts'
import type { CacheSubject } from './subject.ts'

/** Ours, as a service has it: invalidations in the transaction, read over the line. */
export const subject: CacheSubject = {
  async open({ databaseUrl, linkUrl }) {
    const direct = connectDatabase({ url: databaseUrl, connectionsMax: 4 })
    const line = connectDatabase({ url: linkUrl, connectionsMax: 4 })
    const log = createPostgresLog(direct)
    const coherence = followFeed({ feed: createPostgresFeed({ database: line, log }) })
    const cache = createCache<number>({ name: 'items', ttl: '60s', coherence })
    return {
      peek: (key) => cache.peek(key),
      get: (key, load) => cache.get(key, load),
      async change(key) {
        return direct.transaction(async (transaction) => {
          const { rows } = await transaction.query<{ version: number }>(
            'update item set version = version + 1 where key = $1 returning version',
            [key],
          )
          await cache.invalidate(key, { transaction: transaction as CacheTransaction })
          return rows[0]!.version
        })
      },
      async end() {
        coherence.end()
        cache.end()
        await log.end()
        await Promise.all([direct.end(), line.end()])
      },
    }
  },
}
