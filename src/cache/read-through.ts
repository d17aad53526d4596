import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Cache, CacheStats, InvalidateOptions, LoadContext } from './cache.ts'
import type { CacheSettings } from './cache-options.ts'
import type { Lease } from './coherence.ts'
import { LEASE_MS } from './coherence.ts'
import type { Flight, Flights, Landed, LoadNotes } from './flights.ts'
import { createFlights } from './flights.ts'
import type { Invalidation } from './invalidation-feed.ts'
import { lifetimeOf } from './lifetime.ts'
import type { TagCounters } from './tag-counters.ts'
import { createTagCounters } from './tag-counters.ts'
import type { Entry, Tier } from './tier.ts'
import { createTier, isCurrent } from './tier.ts'
import type { TurnTaking } from './take-turns.ts'
import { takeTurns } from './take-turns.ts'
import { reportTrouble } from './trouble.ts'

/*
 * What is kept was read by a load that no invalidation of its key or of one of its tags has come in between, as far as they
 * have been seen. Whoever sees an invalidation and loads afterwards reads the write behind it, so what is kept is as new as
 * the invalidations that were seen, and how old those are the lease bounds.
 *
 * A load that an invalidation has come in between goes on for those who have waited since before it: to them the old value
 * is new enough. All others begin another. Tags are known only when a load has ended; then whoever has joined after any
 * invalidation asks again, once.
 */

/** A refresh that has failed is not tried again for so long. */
const REFRESH_PAUSE_MS = 1_000
const KEY_CHARS_MAX = 4_096
const ENDED: Lease = { validUntilMs: Number.NEGATIVE_INFINITY, wasUsed: false }

type Load<Value> = (context: LoadContext) => Promise<Value | undefined> | Value | undefined

export class ReadThroughCache<Value, Key extends string> implements Cache<Value, Key> {
  readonly #settings: CacheSettings<Value>
  #lease: Lease
  readonly #tags: TagCounters = createTagCounters()
  readonly #tier: Tier<Value>
  readonly #values: Tier<Value>['values']
  readonly #flights: Flights<Value>
  readonly #turns: TurnTaking<Value | undefined> = takeTurns()
  readonly #leave: () => void
  /** Invalidations that were seen. */
  #sequence = 0
  #hits = 0
  readonly #counts = {
    staleHits: 0,
    misses: 0,
    loads: 0,
    loadFailures: 0,
    detachedLoads: 0,
    invalidations: 0,
    resets: 0,
  }

  constructor(settings: CacheSettings<Value>) {
    this.#settings = settings
    const { clock, coherence } = settings
    this.#lease = coherence.lease
    this.#tier = createTier<Value>({ ...settings, tags: this.#tags })
    this.#values = this.#tier.values
    this.#flights = createFlights<Value>({
      clock,
      tags: this.#tags,
      timeoutMs: settings.loadTimeoutMs,
      sequence: () => this.#sequence,
      onLanded: (flight, landed) => this.#land(flight, landed),
    })
    this.#leave = coherence.join(settings.name, {
      invalidate: (invalidation) => this.#drop(invalidation),
      reset: () => {
        this.#counts.resets++
        this.#clear()
      },
    })
  }

  peek(key: Key): Value | undefined {
    const nowMs = this.#settings.clock.nowMs()
    const lease = this.#lease
    const entry = nowMs < lease.validUntilMs ? this.#values.get(key) : undefined
    if (entry === undefined || nowMs >= entry.freshUntilMs || !isCurrent(entry)) return undefined
    lease.wasUsed = true
    this.#hits++
    return entry.value
  }

  get<Loaded extends Value | undefined>(
    key: Key,
    load: (context: LoadContext) => Promise<Loaded> | Loaded,
  ): Promise<Value | Extract<Loaded, undefined>> {
    const value = this.peek(key)
    // What the load gives is the type of what it gave before.
    type Answer = Promise<Value | Extract<Loaded, undefined>>
    return (value === undefined ? this.#ask(key, load) : Promise.resolve(value)) as Answer
  }

  invalidate(keys: Key | readonly Key[], options?: InvalidateOptions): Promise<void> {
    return this.#invalidate({ keys: typeof keys === 'string' ? [keys] : keys }, options)
  }

  invalidateTags(tags: string | readonly string[], options?: InvalidateOptions): Promise<void> {
    return this.#invalidate({ tags: typeof tags === 'string' ? [tags] : tags }, options)
  }

  invalidateAll(options?: InvalidateOptions): Promise<void> {
    return this.#invalidate({ isAll: true }, options)
  }

  stats(): CacheStats {
    const { entries, bytes } = this.#tier
    return { ...this.#counts, hits: this.#hits, entries, bytes, loadsUnderWay: this.#flights.size }
  }

  end(): void {
    this.#leave()
    this.#clear()
    // Nobody tells it of invalidations any more, so nothing that is stored from now on counts.
    this.#lease = ENDED
  }

  async #ask(key: Key, load: Load<Value>): Promise<Value | undefined> {
    expectKey(this.#settings.name, key)
    if (this.#settings.isStrong) return this.#turns.get(key, () => this.#loadAlone(key, load))
    await this.#settings.coherence.ready()
    const askedAt = this.#sequence
    for (let isFirst = true; ; isFirst = false) {
      const entry = this.#findServable(key)
      if (entry !== undefined) {
        this.#hits++
        if (this.#settings.clock.nowMs() >= entry.freshUntilMs) this.#refresh(key, load, entry)
        return entry.value
      }
      if (isFirst) this.#counts.misses++
      const flight = this.#findJoinable(key) ?? this.#begin(key, load)
      try {
        const { value, isOutdated } = await flight.landed
        if (!isOutdated || askedAt <= flight.beganAt) return value
      } catch (error) {
        const spare = this.#findSpare(key)
        if (spare === undefined) throw error
        this.#counts.staleHits++
        this.#hits++
        return spare.value
      }
    }
  }

  /** What is known and counts, but for its time. */
  #find(key: Key): Entry<Value> | undefined {
    return this.#settings.clock.nowMs() < this.#lease.validUntilMs ? this.#tier.find(key) : undefined
  }

  #findServable(key: Key): Entry<Value> | undefined {
    const entry = this.#find(key)
    return entry !== undefined && this.#settings.clock.nowMs() < entry.staleUntilMs ? entry : undefined
  }

  #findSpare(key: Key): Entry<Value> | undefined {
    const entry = this.#find(key)
    return entry !== undefined && this.#settings.clock.nowMs() < entry.spareUntilMs ? entry : undefined
  }

  /** Where invalidations can't be read, a load is as old as its beginning. */
  #findJoinable(key: Key): Flight<Value> | undefined {
    const flight = this.#flights.find(key)
    const nowMs = this.#settings.clock.nowMs()
    const isTrusted = flight !== undefined && (nowMs < this.#lease.validUntilMs || nowMs - flight.beganMs < LEASE_MS)
    return isTrusted ? flight : undefined
  }

  #begin(key: Key, load: Load<Value>): Flight<Value> {
    this.#counts.loads++
    const flight = this.#flights.begin(key, (notes) => load(contextOf(notes)))
    flight.landed.catch(() => this.#counts.loadFailures++)
    return flight
  }

  /** Loads what is still served meanwhile. */
  #refresh(key: Key, load: Load<Value>, entry: Entry<Value>): void {
    this.#counts.staleHits++
    if (this.#findJoinable(key) !== undefined) return
    this.#begin(key, load).landed.catch((error: unknown) => {
      entry.freshUntilMs = Math.min(entry.staleUntilMs, this.#settings.clock.nowMs() + REFRESH_PAUSE_MS)
      reportTrouble({ doing: `loading ${key} again`, cache: this.#settings.name, error })
    })
  }

  async #loadAlone(key: Key, load: Load<Value>): Promise<Value | undefined> {
    this.#counts.misses++
    return (await this.#begin(key, load).landed).value
  }

  #land(flight: Flight<Value>, landed: Landed<Value>): void {
    const { value, tags, ttlMs } = landed
    if (flight.isDetached || landed.isOutdated || this.#settings.isStrong) {
      if (!this.#settings.isStrong) this.#counts.detachedLoads++
      this.#tags.release(tags)
      return
    }
    const { clock, random, name } = this.#settings
    const times = { beganMs: flight.beganMs, endedMs: clock.nowMs(), isAbsent: value === undefined, ttlMs }
    try {
      this.#tier.store(flight.key, {
        value,
        tags: tags.length === 0 ? undefined : tags,
        readAt: flight.beganAt,
        ...lifetimeOf(this.#settings, times, random),
      })
    } catch (error) {
      // The value is good all the same, for those who wait.
      this.#tier.drop(flight.key)
      this.#tags.release(tags)
      reportTrouble({ doing: `taking the size of ${flight.key}`, cache: name, error })
    }
  }

  async #invalidate(what: Omit<Invalidation, 'cache'>, { transaction }: InvalidateOptions = {}): Promise<void> {
    if (what.isAll !== true && (what.keys ?? what.tags ?? []).length === 0) return
    const { coherence, name } = this.#settings
    const invalidation: Invalidation = { cache: name, ...what }
    // Whoever calls has changed it: nobody here shall see the old value, whether the others can be told or not.
    if (transaction === undefined) this.#drop(invalidation)
    await coherence.publish([invalidation], { transaction })
    // And once more when it is certain, for what was loaded meanwhile.
    if (transaction === undefined) this.#drop(invalidation)
    else transaction.afterCommit(() => this.#drop(invalidation))
  }

  #drop({ keys = [], tags = [], isAll = false }: Omit<Invalidation, 'cache'>): void {
    this.#counts.invalidations += keys.length + tags.length + (isAll ? 1 : 0)
    if (isAll) return this.#clear()
    this.#sequence++
    for (const key of keys) {
      this.#tier.drop(key)
      this.#flights.detach(key)
    }
    for (const tag of tags) this.#tags.invalidate(tag, this.#sequence, this.#flights.size > 0)
  }

  #clear(): void {
    this.#sequence++
    this.#tier.clear()
    this.#flights.detachAll()
  }
}

function contextOf(notes: LoadNotes): LoadContext {
  return {
    signal: notes.signal,
    tag: (...tags) => tags.forEach((tag) => notes.tag(tag)),
    ttl: (ttl) => notes.setTtl(parseDuration(ttl)),
  }
}

function expectKey(cache: string, key: unknown): void {
  if (typeof key === 'string' && key.length <= KEY_CHARS_MAX) return
  const given = typeof key === 'string' ? `${key.length} characters` : typeof key
  throw new TenfoldError(
    'TF_OPTION_INVALID',
    `expected a key of cache ${cache} to be text of at most ${KEY_CHARS_MAX} characters, got ${given}`,
    { hint: 'make a short text of it, a hash where it is long', details: { cache } },
  )
}
