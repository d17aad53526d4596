import { TenfoldError } from './errors.ts'

/**
 * A log-linear histogram: values below 128 exactly, above that 128 equally wide buckets per octave, so a bucket is at
 * most 1/128 of its lower edge wide (0.8 %). That bounds the error of every percentile, whatever the distribution.
 *
 * It is a fixed vector of counters; merging is vector addition, hence associative and commutative: percentiles are
 * never averaged. Values are non-negative integers, by convention microseconds; those above `HISTOGRAM_VALUE_MAX` count
 * as that value.
 */
export interface Histogram {
  /** Counts one value. Not below 0 and not a fraction: this is the hot path (some 10 ns), and nothing is checked. */
  record(value: number): void
  /** Adds everything that `other` has counted. */
  merge(other: Histogram | SerialisedHistogram): void
  /** Forgets everything. */
  reset(): void
  /** Recorded values; read, like percentiles, in a few microseconds. */
  readonly count: number
  readonly sum: number
  /** Arithmetic mean, exact; 0 when empty. */
  readonly mean: number
  /** Largest value, exact; 0 when empty. */
  readonly max: number
  /**
   * The smallest value that at least `percent` % of the values do not exceed, never below the exact one and at most
   * 1/128 above it; 0 when empty. 0 gives the smallest value, 100 the largest.
   */
  percentile(percent: number): number
  /** How many values are above `bound`; those in the same bucket as the bound count as not above it. */
  countAbove(bound: number): number
  /** The non-empty buckets, for frames and files. */
  serialise(): SerialisedHistogram
}

/** The non-empty buckets as pairs index, count, in ascending order. */
export interface SerialisedHistogram {
  readonly buckets: readonly (readonly [index: number, count: number])[]
  readonly sum: number
  readonly max: number
}

/** Buckets per octave, and values that are counted exactly. */
const SUB_BUCKETS = 128
const SUB_BUCKET_BITS = 7

/** Values above this count as this: 2^32 − 1 µs is 71 minutes. */
export const HISTOGRAM_VALUE_MAX = 0xffff_ffff

/** Values of 32 bits: two times 128 buckets for the first 8 bits, 128 for each of the others. */
const BUCKETS = (32 - SUB_BUCKET_BITS + 1) * SUB_BUCKETS
const COUNT_MAX = 0xffff_ffff
/** Sum and max lie before the counters. */
const HEADER_BYTES = 2 * Float64Array.BYTES_PER_ELEMENT

/** Size of the buffer that `createHistogram` takes. */
export const HISTOGRAM_BYTES: number = HEADER_BYTES + BUCKETS * Uint32Array.BYTES_PER_ELEMENT

/**
 * An empty histogram, or the one that a buffer holds. On a `SharedArrayBuffer` one thread may record while others read:
 * they see every value sooner or later, but not always a consistent moment.
 *
 * @param buffer of `HISTOGRAM_BYTES`, all zero for an empty histogram; @default a new one
 * @example
 * const latencyUs = createHistogram()
 * for (const value of [100, 200, 300]) latencyUs.record(value)
 * latencyUs.percentile(50) // 200, since values below 256 are exact
 */
export function createHistogram(buffer: ArrayBufferLike = new ArrayBuffer(HISTOGRAM_BYTES)): Histogram {
  return new LogLinearHistogram(buffer)
}

/**
 * The histogram that was serialised.
 *
 * @throws TF_HISTOGRAM_INVALID for what `serialise` would never make
 */
export function deserialiseHistogram(serialised: SerialisedHistogram): Histogram {
  const histogram = createHistogram()
  histogram.merge(serialised)
  return histogram
}

const SUM = 0
const MAX = 1

class LogLinearHistogram implements Histogram {
  readonly #totals: Float64Array
  readonly #counts: Uint32Array

  constructor(buffer: ArrayBufferLike) {
    this.#totals = new Float64Array(buffer, 0, 2)
    this.#counts = new Uint32Array(buffer, HEADER_BYTES, BUCKETS)
  }

  record(value: number): void {
    const bounded = value > HISTOGRAM_VALUE_MAX ? HISTOGRAM_VALUE_MAX : value
    const bucket = bucketOf(bounded)
    const count = this.#counts[bucket]!
    // A full counter stays full: wrapping round would turn the most frequent value into the rarest.
    if (count !== COUNT_MAX) this.#counts[bucket] = count + 1
    const totals = this.#totals
    totals[SUM]! += bounded
    if (bounded > totals[MAX]!) totals[MAX] = bounded
  }

  merge(other: Histogram | SerialisedHistogram): void {
    if (other instanceof LogLinearHistogram) {
      const counts = other.#counts
      for (let i = 0; i < BUCKETS; i++) if (counts[i] !== 0) this.#add(i, counts[i]!)
    } else {
      const { buckets, sum, max } = 'buckets' in other ? other : other.serialise()
      check({ buckets, sum, max })
      for (const [index, count] of buckets) this.#add(index, count)
    }
    const totals = this.#totals
    totals[SUM]! += other.sum
    if (other.max > totals[MAX]!) totals[MAX] = other.max
  }

  reset(): void {
    this.#counts.fill(0)
    this.#totals.fill(0)
  }

  get count(): number {
    let count = 0
    for (let i = 0; i < BUCKETS; i++) count += this.#counts[i]!
    return count
  }

  get sum(): number {
    return this.#totals[SUM]!
  }

  get mean(): number {
    return this.sum === 0 ? 0 : this.sum / this.count
  }

  get max(): number {
    return this.#totals[MAX]!
  }

  percentile(percent: number): number {
    // 99.9 × 1000 / 100 is 999.0000000000001 in binary, and the thousandth value would be the wrong one.
    const rank = Math.max(1, Math.ceil((percent * this.count) / 100 - 1e-6))
    let seen = 0
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i]!
      if (seen >= rank) return Math.min(upperEdgeOf(i), this.max)
    }
    return this.max
  }

  countAbove(bound: number): number {
    if (bound < 0) return this.count
    if (bound >= this.max) return 0
    let above = 0
    for (let i = bucketOf(Math.floor(bound)) + 1; i < BUCKETS; i++) above += this.#counts[i]!
    return above
  }

  serialise(): SerialisedHistogram {
    const buckets: [number, number][] = []
    for (let i = 0; i < BUCKETS; i++) if (this.#counts[i] !== 0) buckets.push([i, this.#counts[i]!])
    return { buckets, sum: this.sum, max: this.max }
  }

  #add(bucket: number, times: number): void {
    this.#counts[bucket] = Math.min(this.#counts[bucket]! + times, COUNT_MAX)
  }
}

/**
 * With s = max(0, ⌊log2 v⌋ − 7) the index is 128 s + ⌊v / 2^s⌋: exact for s = 0 (v < 256), then 128 buckets of width
 * 2^s for every octave.
 */
function bucketOf(value: number): number {
  const shift = value < SUB_BUCKETS ? 0 : 31 - SUB_BUCKET_BITS - Math.clz32(value)
  return (shift << SUB_BUCKET_BITS) + (value >>> shift)
}

function upperEdgeOf(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return bucket
  const shift = (bucket >>> SUB_BUCKET_BITS) - 1
  const mantissa = bucket - shift * SUB_BUCKETS
  return (mantissa + 1) * 2 ** shift - 1
}

function check(serialised: SerialisedHistogram): void {
  for (const [index, count] of serialised.buckets) {
    const isBucket = Number.isInteger(index) && index >= 0 && index < BUCKETS
    if (!isBucket || !Number.isInteger(count) || count < 0) throw invalid(`bucket ${index} with count ${count}`)
  }
  const { sum, max } = serialised
  if (!(sum >= 0 && max >= 0 && max <= HISTOGRAM_VALUE_MAX)) throw invalid(`sum ${sum} and max ${max}`)
}

function invalid(got: string): TenfoldError {
  return new TenfoldError('TF_HISTOGRAM_INVALID', `expected a serialised histogram, got ${got}`, {
    hint: 'use the same version of Tenfold on both sides',
  })
}
