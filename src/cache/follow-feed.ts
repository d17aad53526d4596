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
 * How old a served value can be. A reading that began at t has everything that was committed before t. So what is kept is
 * served until 2 s after the beginning of the last reading that came to the end: stopped, cut off, or with its event loop
 * held up, a process serves nothing that was invalidated more than 2 s before. The clock is looked at for each hit, since a
 * timer of a stopped process has not run either.
 *
 * Connected it is far less: the feed is read when it wakes us, and every 80 ms in any case. While nobody uses the caches
 * nothing is read; the lease ends then, and the first who comes waits for one reading.
 */

/** @see followFeed */
export interface FollowFeedOptions {
  readonly feed: InvalidationFeed
  readonly clock?: Clock
}

/** A reading begins this long after the one before, woken or not. */
const POLL_MS = 80
/** At least so long when woken. */
const WAKE_MIN_MS = 5
/** While the feed can't be read. */
const RETRY_MS = 250
/** A reading that takes longer is given up. */
const READ_LIMIT_MS = 1_000
/** Without use for so long, nothing is read any more. */
const IDLE_MS = 1_000
/** The first to come after that waits so long for a reading at most, and goes on without what is kept. */
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
  #usedMs = Number.NEGATIVE_INFINITY
  #isWoken = false
  #isFailing = false
  #hasEnded = false
  /** Those who wait for the next outcome. */
  #outcome: PromiseWithResolvers<boolean> | undefined
  #cancelNext: Cancel | undefined
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
    this.#reading = undefined
    this.lease.validUntilMs = Number.NEGATIVE_INFINITY
    this.#endWaking()
    this.#cancelNext?.()
    this.#cancelLimit?.()
    this.#settle(false)
  }

  #read(): void {
    this.#cancelNext?.()
    this.#cancelNext = undefined
    this.#isWoken = false
    this.#beganMs = this.#clock.nowMs()
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
    const validUntilMs = this.#beganMs + LEASE_MS
    // Where the process was stopped meanwhile it has shown how things were long ago.
    if (!isAtEnd || validUntilMs <= this.#clock.nowMs()) return this.#read()
    this.lease.validUntilMs = validUntilMs
    this.#isFailing = false
    this.#settle(true)
    this.#planNext(this.#isWoken ? WAKE_MIN_MS : POLL_MS)
  }

  #fail(error: unknown): void {
    this.#endReading()
    if (!this.#isFailing) reportTrouble({ doing: 'reading invalidations', error })
    this.#isFailing = true
    this.#settle(false)
    this.#planNext(RETRY_MS)
  }

  #endReading(): void {
    this.#reading = undefined
    this.#cancelLimit?.()
    this.#cancelLimit = undefined
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
