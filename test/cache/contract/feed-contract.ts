import assert from 'node:assert/strict'
import type {
  CacheTransaction,
  FeedPosition,
  Invalidation,
  InvalidationFeed,
} from '../../../src/cache/invalidation-feed.ts'

/** An engine's feed, as the cases need it. */
export interface FeedUnderTest {
  readonly feed: InvalidationFeed
  /** The feed of another process. */
  readonly other: InvalidationFeed
  /** Runs work in a transaction that the feed can publish with; what it throws rolls back. */
  transaction(work: (transaction: CacheTransaction) => Promise<void>): Promise<void>
  /** Everything that was published so far can't be read any more. */
  trim(): Promise<void>
}

/** One promise of an invalidation feed. */
export interface FeedCase {
  readonly name: string
  run(test: FeedUnderTest): Promise<void>
}

/** What every engine's feed does. */
export const feedCases: readonly FeedCase[] = [
  {
    name: 'begins with a gap, and with nothing of what was published before',
    async run({ feed }) {
      await feed.publish([{ cache: 'a', keys: ['1'] }])
      const { invalidations, hasGap, isAtEnd } = await feed.read()
      assert.deepEqual({ invalidations, hasGap, isAtEnd }, { invalidations: [], hasGap: true, isAtEnd: true })
    },
  },
  {
    name: 'gives what was published, as it was, whoever has published it',
    async run({ feed, other }) {
      const { position } = await feed.read()
      await feed.publish([{ cache: 'a', keys: ['1', '\u0000 "ü" \ud800'] }])
      await other.publish([
        { cache: 'b', tags: ['t'] },
        { cache: 'c', isAll: true },
      ])
      const read = await readAll(feed, position)
      assert.deepEqual(read.invalidations, [
        { cache: 'a', keys: ['1', '\u0000 "ü" \ud800'] },
        { cache: 'b', tags: ['t'] },
        { cache: 'c', isAll: true },
      ])
      assert.equal(read.hasGap, false)
      assert.deepEqual((await readAll(feed, read.position)).invalidations, [])
    },
  },
  {
    name: 'gives the same again to who asks again from the same position',
    async run({ feed }) {
      const { position } = await feed.read()
      await feed.publish([{ cache: 'a', keys: ['1'] }])
      const twice = await Promise.all([readAll(feed, position), readAll(feed, position)])
      for (const { invalidations } of twice) assert.deepEqual(invalidations, [{ cache: 'a', keys: ['1'] }])
    },
  },
  {
    name: 'publishes with a transaction when it commits, and not when it does not',
    async run({ feed, other, transaction }) {
      const { position } = await other.read()
      await transaction(async (tx) => {
        await feed.publish([{ cache: 'a', keys: ['committed'] }], { transaction: tx })
        assert.deepEqual((await readAll(other, position)).invalidations, [])
      })
      await assert.rejects(
        transaction(async (tx) => {
          await feed.publish([{ cache: 'a', keys: ['rolled back'] }], { transaction: tx })
          throw new Error('no')
        }),
      )
      assert.deepEqual((await readAll(other, position)).invalidations, [{ cache: 'a', keys: ['committed'] }])
    },
  },
  {
    name: 'gives what commits late, after what was published later',
    async run({ feed, other, transaction }) {
      let { position } = await other.read()
      await transaction(async (tx) => {
        await feed.publish([{ cache: 'a', keys: ['late'] }], { transaction: tx })
        await feed.publish([{ cache: 'a', keys: ['early'] }])
        const read = await readAll(other, position)
        assert.deepEqual(read.invalidations, [{ cache: 'a', keys: ['early'] }])
        ;({ position } = read)
      })
      assert.deepEqual((await readAll(other, position)).invalidations, [{ cache: 'a', keys: ['late'] }])
    },
  },
  {
    name: 'gives everything of much, in several readings if need be',
    async run({ feed }) {
      const { position } = await feed.read()
      const keys = Array.from({ length: 3_000 }, (_, index) => String(index))
      await feed.publish([{ cache: 'a', keys }])
      await Promise.all(keys.map((key) => feed.publish([{ cache: 'a', keys: [key] }])))
      const found = (await readAll(feed, position)).invalidations.flatMap((each) => each.keys ?? [])
      assert.deepEqual(found.toSorted(), [...keys, ...keys].toSorted())
    },
  },
  {
    name: 'says so where something can not be read any more, and goes on from there',
    async run({ feed, trim }) {
      const { position } = await feed.read()
      await feed.publish([{ cache: 'a', keys: ['lost'] }])
      await trim()
      const read = await feed.read(position)
      assert.equal(read.hasGap, true)
      await feed.publish([{ cache: 'a', keys: ['found'] }])
      const next = await readAll(feed, read.position)
      assert.equal(next.hasGap, false)
      assert.deepEqual(next.invalidations, [{ cache: 'a', keys: ['found'] }])
    },
  },
  {
    name: 'wakes whoever wants to be, until he does not any more',
    async run({ feed, other }) {
      const woken = Promise.withResolvers<void>()
      const end = feed.onWake(woken.resolve)
      await other.publish([{ cache: 'a', keys: ['1'] }])
      await woken.promise
      end()
    },
  },
]

/** Up to the end. */
async function readAll(
  feed: InvalidationFeed,
  from: FeedPosition,
): Promise<{ invalidations: Invalidation[]; position: FeedPosition; hasGap: boolean }> {
  const all = { invalidations: [] as Invalidation[], position: from, hasGap: false }
  for (;;) {
    const read = await feed.read(all.position)
    all.invalidations.push(...read.invalidations)
    all.position = read.position
    all.hasGap ||= read.hasGap
    if (read.isAtEnd) return all
  }
}
