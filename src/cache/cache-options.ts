import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { Size } from '../core/size.ts'
import { parseSize } from '../core/size.ts'
import type { Coherence } from './coherence.ts'
import { createLocalCoherence } from './coherence.ts'
import type { LifetimeRules } from './lifetime.ts'
import { sizeOf } from './size-of.ts'

/** @see createCache */
export interface CacheOptions<Value> {
  /** The same in all processes that have this cache: invalidations name it. */
  readonly name: string
  /** How long a value is good, from the moment at which its load began; up to a tenth more or less. */
  readonly ttl: Duration
  /** Memory in this process; what was not used for longest leaves first. @default '64MiB' */
  readonly capacity?: Size
  /** Values and absent keys at most. @default as many as the capacity holds */
  readonly entriesMax?: number
  /** How long it is believed that a key has no value; at most `ttl`. @default '10s', or `ttl` if that is less */
  readonly absentTtl?: Duration
  /** So long after its time a value is served while it is loaded again. Never one that was invalidated. @default '0s' */
  readonly staleWhileRevalidate?: Duration
  /** So long after its time a value is served where loading fails. Never one that was invalidated. @default '0s' */
  readonly staleIfError?: Duration
  /** How early a value in use is loaded again, in multiples of the time that its load takes; 0: not before its time. @default 1 */
  readonly earlyRefresh?: number
  /** A load that takes longer fails for all who wait. @default '30s' */
  readonly loadTimeout?: Duration
  /**
   * `strong`: nothing is kept in this process, and no answer is older than its question; who asks at once shares a load.
   * @default 'eventual': as old as the coherence says, at most
   */
  readonly consistency?: 'eventual' | 'strong'
  /** Bytes of a value. @default an estimate of what it takes in memory */
  readonly size?: (value: Value) => number
  /** What other processes invalidate; see `followFeed`. @default nobody else has this cache */
  readonly coherence?: Coherence
  readonly clock?: Clock
  readonly random?: Random
}

/** Options with their defaults, checked. */
export interface CacheSettings<Value> extends LifetimeRules {
  readonly name: string
  readonly capacityBytes: number
  readonly entriesMax: number | undefined
  readonly loadTimeoutMs: number
  readonly isStrong: boolean
  readonly size: (value: Value) => number
  readonly coherence: Coherence
  readonly clock: Clock
  readonly random: Random
}

const CAPACITY_BYTES_MIN = 64 * 1024

/** @throws TF_OPTION_INVALID */
export function cacheSettings<Value>(options: CacheOptions<Value>): CacheSettings<Value> {
  const { name, entriesMax, earlyRefresh = 1 } = options
  const ttlMs = parseDuration(options.ttl)
  const absentTtlMs = parseDuration(options.absentTtl ?? (ttlMs < 10_000 ? options.ttl : '10s'))
  const capacityBytes = parseSize(options.capacity ?? '64MiB')
  const loadTimeoutMs = parseDuration(options.loadTimeout ?? '30s')
  expectThat(name !== '', 'name', 'a text', name)
  expectThat(ttlMs > 0, 'ttl', 'more than 0', options.ttl)
  expectThat(absentTtlMs <= ttlMs, 'absentTtl', `at most the ttl, ${options.ttl}`, options.absentTtl)
  expectThat(capacityBytes >= CAPACITY_BYTES_MIN, 'capacity', '64KiB at least', options.capacity)
  expectThat(loadTimeoutMs > 0, 'loadTimeout', 'more than 0', options.loadTimeout)
  expectThat(
    entriesMax === undefined || (Number.isInteger(entriesMax) && entriesMax >= 16),
    'entriesMax',
    'a whole number from 16 on',
    entriesMax,
  )
  expectThat(earlyRefresh >= 0 && Number.isFinite(earlyRefresh), 'earlyRefresh', 'a number from 0 on', earlyRefresh)
  return {
    name,
    ttlMs,
    absentTtlMs,
    capacityBytes,
    entriesMax,
    earlyRefresh,
    loadTimeoutMs,
    staleWhileRevalidateMs: parseDuration(options.staleWhileRevalidate ?? '0s'),
    staleIfErrorMs: parseDuration(options.staleIfError ?? '0s'),
    isStrong: options.consistency === 'strong',
    size: options.size ?? sizeOf,
    coherence: options.coherence ?? createLocalCoherence(),
    clock: options.clock ?? systemClock,
    random: options.random ?? seededRandom(freshSeed()),
  }
}

function expectThat(isRight: boolean, option: string, what: string, given: unknown): void {
  if (isRight) return
  throw new TenfoldError(
    'TF_OPTION_INVALID',
    `expected ${option} of a cache to be ${what}, got ${JSON.stringify(given)}`,
    { hint: `correct ${option}`, details: { option } },
  )
}
