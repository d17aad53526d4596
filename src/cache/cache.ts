import type { Duration } from '../core/duration.ts'
import type { CacheOptions } from './cache-options.ts'
import { cacheSettings } from './cache-options.ts'
import type { CacheTransaction } from './invalidation-feed.ts'
import { ReadThroughCache } from './read-through.ts'

export type { CacheOptions } from './cache-options.ts'

/**
 * Values kept close to who needs them, and loaded when they are missing.
 *
 * What is promised, with a coherence of several processes (`followFeed`): an answer is at most 100 ms older than its question
 * while the process can read the invalidations, and at most 2 s otherwise; see `coherence.ts`. It rests on loads that read
 * what is committed: from the primary of the database, not from a replica that may be behind, and outside of transactions
 * that are open. The process that invalidates sees nothing older as soon as `invalidate` has resolved, or its transaction.
 *
 * Values are handed out as they are, not copied: change none of them.
 */
export interface Cache<Value, Key extends string = string> {
  /**
   * The value of a key: from memory, or by `load`, which runs once however many ask. Undefined: there is none, which is
   * remembered for a short time, too. What `load` throws is thrown to all who wait, and not remembered.
   *
   * @throws TF_TIMEOUT the load took longer than `loadTimeout`
   * @example
   * const recipe = await recipes.get(`recipe:${id}`, async ({ tag }) => {
   *   const { rows } = await database.query<Recipe>('select * from recipe where id = $1', [id])
   *   if (rows[0] !== undefined) tag(`author:${rows[0].author}`)
   *   return rows[0]
   * })
   */
  get<Loaded extends Value | undefined>(
    key: Key,
    load: (context: LoadContext) => Promise<Loaded> | Loaded,
  ): Promise<Value | Extract<Loaded, undefined>>
  /**
   * The value if it is in memory and nothing is to be done; undefined says nothing: use `get` then.
   *
   * @example const recipe = recipes.peek(key) ?? (await recipes.get(key, load))
   */
  peek(key: Key): Value | undefined
  /**
   * Drops keys, here and in all processes. Call it when the change is committed, or with the transaction that makes it: then
   * both happen, or neither. Loads under way are not stored; who asks from now on waits for another.
   *
   * @throws what the feed says: other processes may serve the old values until their time is over; call again
   */
  invalidate(keys: Key | readonly Key[], options?: InvalidateOptions): Promise<void>
  /** The same for all values that carry one of the tags. */
  invalidateTags(tags: string | readonly string[], options?: InvalidateOptions): Promise<void>
  /** The same for everything. */
  invalidateAll(options?: InvalidateOptions): Promise<void>
  /** Counted since the beginning. */
  stats(): CacheStats
  /** Empties it; it is told of nothing any more. Safe to call twice. */
  end(): void
}

/** What a load is given. */
export interface LoadContext {
  /** Aborted when nobody waits for the load any more because it took too long. */
  readonly signal: AbortSignal
  /** The value is also dropped when this is invalidated. Before or after reading it, but before the load ends. */
  tag(...tags: readonly string[]): void
  /** How long this value is good. @default that of the cache */
  ttl(ttl: Duration): void
}

export interface InvalidateOptions {
  /** Of a database that the coherence can publish with. */
  readonly transaction?: CacheTransaction | undefined
}

/** @see Cache.stats */
export interface CacheStats {
  /** Answered from memory, also where that is the knowledge that there is no value. */
  readonly hits: number
  /** Of those, with values that were being loaded again, or could not be. */
  readonly staleHits: number
  /** Questions that had to wait for a load. */
  readonly misses: number
  readonly loads: number
  readonly loadFailures: number
  /** Loads whose values were not stored, because they were invalidated meanwhile. */
  readonly detachedLoads: number
  /** Keys and tags that were invalidated, here and elsewhere; everything counts as one. */
  readonly invalidations: number
  /** How often everything was dropped because invalidations may have been missed. */
  readonly resets: number
  readonly entries: number
  readonly bytes: number
  readonly loadsUnderWay: number
}

/**
 * Makes a cache.
 *
 * @throws TF_OPTION_INVALID, TF_DURATION_INVALID, TF_SIZE_INVALID
 * @example
 * const recipes = createCache<Recipe>({ name: 'recipes', ttl: '1h', coherence })
 */
export function createCache<Value, Key extends string = string>(options: CacheOptions<Value>): Cache<Value, Key> {
  return new ReadThroughCache<Value, Key>(cacheSettings(options))
}
