import type { Clock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { TagCounter, TagCounters } from './tag-counters.ts'
import { isOutdated } from './tag-counters.ts'

/** A load under way, which many may wait for. */
export interface Flight<Value> {
  readonly key: string
  readonly beganMs: number
  /** How many invalidations the cache had seen then. */
  readonly beganAt: number
  /** Whether its value may not be stored: its key was invalidated meanwhile, or everything. */
  readonly isDetached: boolean
  /** Resolves after the value was stored. */
  readonly landed: Promise<Landed<Value>>
}

/** What a load has brought. */
export interface Landed<Value> {
  readonly value: Value | undefined
  readonly tags: readonly TagCounter[]
  readonly ttlMs: number | undefined
  /** Whether one of its tags was invalidated meanwhile. */
  readonly isOutdated: boolean
}

/** What a load can say of its value. */
export interface LoadNotes {
  readonly signal: AbortSignal
  tag(tag: string): void
  setTtl(ttlMs: number): void
}

/** Loads of one cache: one for a key at a time, unless an invalidation has come in between. */
export interface Flights<Value> {
  /** The load of a key that has not been detached. */
  find(key: string): Flight<Value> | undefined
  /** Begins another; one of the same key is detached. */
  begin(key: string, load: (notes: LoadNotes) => Promise<Value | undefined> | Value | undefined): Flight<Value>
  detach(key: string): void
  detachAll(): void
  /** Under way, detached ones included. */
  readonly size: number
}

/** @see createFlights */
export interface FlightsOptions<Value> {
  readonly clock: Clock
  readonly tags: TagCounters
  /** A load that takes longer is waited for no more. */
  readonly timeoutMs: number
  /** Invalidations that the cache has seen. */
  sequence(): number
  /** Called once for each load that succeeds, before anybody who waits goes on. The tags are the callee's to release. */
  onLanded(flight: Flight<Value>, landed: Landed<Value>): void
}

export function createFlights<Value>(options: FlightsOptions<Value>): Flights<Value> {
  const { clock, tags } = options
  type Open = { -readonly [Field in keyof Flight<Value>]: Flight<Value>[Field] }
  const current = new Map<string, Open>()
  /** In the order in which they began. */
  const all = new Set<Open>()

  function detach(key: string): void {
    const flight = current.get(key)
    if (flight === undefined) return
    flight.isDetached = true
    current.delete(key)
  }

  async function fly(flight: Open, load: Parameters<Flights<Value>['begin']>[1]): Promise<Landed<Value>> {
    const aborted = new AbortController()
    const late = Promise.withResolvers<never>()
    const cancel = clock.schedule(options.timeoutMs, () => {
      const error = loadTimeout(flight.key, options.timeoutMs)
      late.reject(error)
      aborted.abort(error)
    })
    const held: TagCounter[] = []
    let isOver = false
    let ttlMs: number | undefined
    const notes: LoadNotes = {
      signal: aborted.signal,
      tag(tag) {
        if (!isOver && !held.some((counter) => counter.tag === tag)) held.push(tags.hold(tag))
      },
      setTtl: (ms) => void (ttlMs = ms),
    }
    let hasLanded = false
    try {
      const value = await Promise.race([run(load, notes), late.promise])
      const wasOutdated = isOutdated(held, flight.beganAt) || (held.length > 0 && flight.beganAt < tags.knownSince)
      const landed: Landed<Value> = { value, tags: held, ttlMs, isOutdated: wasOutdated }
      hasLanded = true
      options.onLanded(flight, landed)
      return landed
    } finally {
      isOver = true
      cancel()
      if (!hasLanded) tags.release(held)
      all.delete(flight)
      if (current.get(flight.key) === flight) current.delete(flight.key)
      const [oldest] = all
      tags.forgetBefore(oldest?.beganAt ?? Infinity)
    }
  }

  return {
    find: (key) => current.get(key),
    begin(key, load) {
      detach(key)
      const flight = { key, beganMs: clock.nowMs(), beganAt: options.sequence(), isDetached: false } as Open
      current.set(key, flight)
      all.add(flight)
      flight.landed = fly(flight, load)
      return flight
    },
    detach,
    detachAll() {
      for (const flight of current.values()) flight.isDetached = true
      current.clear()
    },
    get size() {
      return all.size
    },
  }
}

/** In a turn of its own at least, so that what it throws is always a rejection, and its flight is complete. */
async function run<Value>(
  load: (notes: LoadNotes) => Promise<Value | undefined> | Value | undefined,
  notes: LoadNotes,
): Promise<Value | undefined> {
  await Promise.resolve()
  return load(notes)
}

function loadTimeout(key: string, timeoutMs: number): TenfoldError {
  return new TenfoldError('TF_TIMEOUT', `expected the load of ${key} within ${timeoutMs} ms`, {
    hint: 'find out why it takes so long, or raise loadTimeout of the cache',
    details: { key },
  })
}
