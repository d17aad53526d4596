import { randomBytes, randomUUID } from 'node:crypto'

/** A stream of pseudo-random numbers. The same seed gives the same stream on every machine. */
export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  next(): number
  /** Uniform integer in [0, bound). */
  integer(bound: number): number
  /** Exponential with the given mean. */
  exponential(mean: number): number
  /** Normal with mean 0 and standard deviation 1. */
  normal(): number
  /** One element of a non-empty array, each equally likely. */
  pick<T>(items: readonly T[]): T
  /** An independent stream, determined by this seed and `name`: adding one stream never changes another. */
  fork(name: string): Random
}

/**
 * A seeded stream: xoshiro128** (Blackman and Vigna, 2018), its state filled by splitmix32.
 *
 * @example seededRandom(1).integer(6) === seededRandom(1).integer(6) // true
 */
export function seededRandom(seed: number): Random {
  return new Xoshiro128(seed)
}

/** Unguessable text for tokens and passwords: `bytes` of entropy, base64url. */
export function secretToken(bytes = 24): string {
  return randomBytes(bytes).toString('base64url')
}

/** A unique id for a request, a command or a run. */
export function uniqueId(): string {
  return randomUUID()
}

let drawn = Buffer.alloc(0)
let used = 0

/** 8 bytes nobody can guess, to be changed at will; drawn in advance, since each call of the system's source has its price. */
export function randomBlock(): Buffer {
  if (used === drawn.length) {
    drawn = randomBytes(4_096)
    used = 0
  }
  used += 8
  return drawn.subarray(used - 8, used)
}

/** A seed nobody chose, for the runs that do not name one; print it, so that the run can be repeated. */
export function freshSeed(): number {
  return randomBytes(4).readUInt32LE()
}

class Xoshiro128 implements Random {
  readonly #seed: number
  readonly #state = new Uint32Array(4)
  #spareNormal: number | undefined

  constructor(seed: number) {
    this.#seed = seed >>> 0
    let mixed = this.#seed
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) >>> 0
      this.#state[i] = scramble(mixed)
    }
  }

  next(): number {
    return ((this.#word() >>> 5) * 0x4000000 + (this.#word() >>> 6)) / 0x20000000000000
  }

  integer(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  /** Marsaglia's polar method, which makes two at a time. */
  normal(): number {
    const spare = this.#spareNormal
    if (spare !== undefined) {
      this.#spareNormal = undefined
      return spare
    }
    for (;;) {
      const x = 2 * this.next() - 1
      const y = 2 * this.next() - 1
      const square = x * x + y * y
      if (square === 0 || square >= 1) continue
      const factor = Math.sqrt((-2 * Math.log(square)) / square)
      this.#spareNormal = y * factor
      return x * factor
    }
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)] as T
  }

  fork(name: string): Random {
    // Scrambled first: else seed 9 with 'b' would be seed 10 with 'a', since 9 ^ 98 = 10 ^ 97.
    let hash = scramble((this.#seed + 0x811c9dc5) >>> 0)
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    return new Xoshiro128(scramble(hash))
  }

  #word(): number {
    const s = this.#state as unknown as [number, number, number, number]
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9)
    const shifted = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= shifted
    s[3] = rotate(s[3], 11)
    return result >>> 0
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** The finaliser of splitmix32. */
function scramble(word: number): number {
  let z = word
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) >>> 0
}
