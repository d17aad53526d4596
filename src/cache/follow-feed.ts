import type { Cancel, Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Coherence, CoherenceMember } from './coherence.ts'
import { CoherenceMembers, LEASE_MS } from './coherence.ts'
import type {
  CacheTransaction,
  FeedPosition,
  FeedReading,
  Invalidation,
  InvalidationFeed,
} from './invalidation-feed.ts'
import { reportTrouble } from './trouble.ts'

/*
 * How old a served value can be. A reading that began at t has everything that was committed before t. So while readings
 * come to their end as they should, what is kept is served until 100 ms after the beginning of the last one; who comes later
 * waits for the next, which is a matter of a millisecond. Where a reading takes longer or fails, nobody waits: what is kept
 * is served until 2 s after the beginning of the last good one, and not at all after that. The clock is looked at for each
 * hit, since a timer of a process that was stopped has not run either.
 *
 * The feed is read when it wakes us, and every 60 ms in any case. While nobody uses the caches nothing is read.
 */

/** @see followFeed */
export interface FollowFeedOptions {
  readonly feed: InvalidationFeed
  readonly clock?: Clock
}

/** A reading begins this long after the one before, woken or not. */
const POLL_MS = 60
/** A reading that takes longer is late. */
const LATE_MS = 100
/** At least so long when woken. */
const WAKE_MIN_MS = 5
/** While the feed can't be read. */
const RETRY_MS = 250
/** A reading that takes so long is given up. */
const READ_LIMIT_MS = 1_000
/** Without use for so long, nothing is read any more. */
const IDLE_MS = 1_000
/** Nobody waits longer than this for readings, however much there is to read. */
const READY_WAIT_MS = 250

/**
 * The coherence of caches that other processes have, too: reads the feed while the caches are used.
 *
 * @example
 * const coherence = followFeed({ feed: await openPostgresFeed({ database, log }) })
 * const recipes = createCache<Recipe>({ name: 'recipes', ttl: '1h', coherence })
 */
export function followFeed({ feed, clock = systemClock }: FollowFeedOptions): Coherence {
  return new FollowedFeed(feed, clock)
}

class FollowedFeed implements Coherence {
  readonly lease = { validUntilMs: Number.NEGATIVE_INFINITY, wasUsed: false }
  readonly #feed: InvalidationFeed
  readonly #clock: Clock
  readonly #members = new CoherenceMembers()
  readonly #endWaking: () => void
  #position: FeedPosition | undefined
  /** Of the reading under way; others are not listened to. */
  #reading: object | undefined
  #beganMs = Number.NEGATIVE_INFINITY
  /** When the last one began that came to the end. */
  #goodMs = Number.NEGATIVE_INFINITY
  #usedMs = Number.NEGATIVE_INFINITY
  #isWoken = false
  /** Whether readings are late or fail: nobody waits for them. */
  #isFailing = false
  #hasFailed = false
  #hasEnded = false
  /** Those who wait for the next outcome. */
  #outcome: PromiseWithResolvers<boolean> | undefined
  #cancelNext: Cancel | undefined
  #cancelLate: Cancel | undefined
  #cancelLimit: Cancel | undefined

  constructor(feed: InvalidationFeed, clock: Clock) {
    this.#feed = feed
    this.#clock = clock
    this.#endWaking = feed.onWake(() => this.#wake())
  }

  join(cache: string, member: CoherenceMember): () => void {
    return this.#members.join(cache, member)
  }

  publish(
    invalidations: readonly Invalidation[],
    options?: { readonly transaction?: CacheTransaction | undefined },
  ): Promise<void> {
    return this.#feed.publish(invalidations, options)
  }

  ready(): Promise<boolean> {
    this.lease.wasUsed = true
    if (this.#clock.nowMs() < this.lease.validUntilMs) return Promise.resolve(true)
    if (this.#hasEnded) return Promise.resolve(false)
    if (this.#reading === undefined && (!this.#isFailing || this.#cancelNext === undefined)) this.#read()
    // While it fails it is tried in the background; nobody waits for that.
    if (this.#isFailing) return Promise.resolve(false)
    if (this.#outcome === undefined) {
      const outcome = Promise.withResolvers<boolean>()
      const cancel = this.#clock.schedule(READY_WAIT_MS, () => this.#settle(false), { unref: true })
      this.#outcome = { ...outcome, resolve: (value) => (cancel(), outcome.resolve(value)) }
    }
    return this.#outcome.promise
  }

  end(): void {
    this.#hasEnded = true
    this.lease.validUntilMs = Number.NEGATIVE_INFINITY
    this.#endWaking()
    this.#cancelNext?.()
    this.#endReading()
    this.#settle(false)
  }

  #read(): void {
    this.#cancelNext?.()
    this.#cancelNext = undefined
    this.#isWoken = false
    this.#beganMs = this.#clock.nowMs()
    this.#cancelLate = this.#clock.schedule(LATE_MS, () => this.#doWithout(), { unref: true })
    this.#cancelLimit = this.#clock.schedule(
      READ_LIMIT_MS,
      () => this.#fail(new TenfoldError('TF_TIMEOUT', `expected the invalidations within ${READ_LIMIT_MS} ms`)),
      { unref: true },
    )
    const reading = {}
    this.#reading = reading
    void this.#finish(reading)
  }

  async #finish(reading: object): Promise<void> {
    try {
      const found = await this.#feed.read(this.#position)
      if (this.#reading === reading) this.#take(found)
    } catch (error) {
      if (this.#reading === reading) this.#fail(error)
    }
  }

  #take({ invalidations, position, hasGap, isAtEnd }: FeedReading): void {
    this.#endReading()
    this.#position = position
    if (hasGap) this.#members.reset()
    this.#members.tell(invalidations)
    const nowMs = this.#clock.nowMs()
    // Where the process was stopped meanwhile it has shown how things were long ago.
    if (!isAtEnd || nowMs >= this.#beganMs + LEASE_MS) return this.#read()
    this.#goodMs = this.#beganMs
    const isLate = nowMs >= this.#goodMs + LATE_MS
    this.lease.validUntilMs = this.#goodMs + (isLate ? LEASE_MS : LATE_MS)
    this.#isFailing = this.#hasFailed = false
    this.#settle(true)
    this.#planNext(this.#isWoken ? WAKE_MIN_MS : POLL_MS)
  }

  /** Nobody waits any more, and what is kept is served as long as it may be without a reading. */
  #doWithout(): void {
    this.#isFailing = true
    // Not where nothing was read because nobody has asked: then it may be older than it would be if the feed could be read.
    if (this.lease.validUntilMs > Number.NEGATIVE_INFINITY) this.lease.validUntilMs = this.#goodMs + LEASE_MS
    this.#settle(this.#clock.nowMs() < this.lease.validUntilMs)
  }

  #fail(error: unknown): void {
    this.#endReading()
    if (!this.#hasFailed) reportTrouble({ doing: 'reading invalidations', error })
    this.#hasFailed = true
    this.#doWithout()
    this.#planNext(RETRY_MS)
  }

  #endReading(): void {
    this.#reading = undefined
    this.#cancelLate?.()
    this.#cancelLimit?.()
  }

  #settle(isReady: boolean): void {
    this.#outcome?.resolve(isReady)
    this.#outcome = undefined
  }

  /** @param afterMs from the beginning of the last reading */
  #planNext(afterMs: number): void {
    const nowMs = this.#clock.nowMs()
    if (this.lease.wasUsed) this.#usedMs = nowMs
    this.lease.wasUsed = false
    if (nowMs - this.#usedMs > IDLE_MS) {
      // Nobody asks, so nobody is told how things are: who comes next reads first.
      this.lease.validUntilMs = Number.NEGATIVE_INFINITY
      return
    }
    this.#cancelNext?.()
    this.#cancelNext = this.#clock.schedule(Math.max(0, this.#beganMs + afterMs - nowMs), () => this.#read(), {
      unref: true,
    })
  }

  #wake(): void {
    if (this.#reading !== undefined) this.#isWoken = true
    else if (this.#cancelNext !== undefined && !this.#isFailing) this.#planNext(WAKE_MIN_MS)
  }
}
