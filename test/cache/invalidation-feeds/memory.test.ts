import { describe, test } from 'vitest'
import type { CacheTransaction } from '../../../src/cache/invalidation-feed.ts'
import { createMemoryFeed } from '../../../src/cache/invalidation-feeds/memory.ts'
import { feedCases } from '../contract/feed-contract.ts'

describe('a feed in memory', () => {
  test.each(feedCases)('$name', async ({ run }) => {
    const feed = createMemoryFeed()
    await run({
      feed,
      other: feed,
      async transaction(work) {
        const actions: (() => void | Promise<void>)[] = []
        const transaction: CacheTransaction = {
          database: {},
          query: () => Promise.reject(new Error('nothing to ask')),
          afterCommit: (action) => void actions.push(action),
        }
        await work(transaction)
        for (const action of actions) await action()
      },
      trim: async () => feed.trim(),
    })
  })
})
