import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Random } from '../../src/core/random.ts'
import { freshSeed, secretToken, seededRandom, uniqueId } from '../../src/core/random.ts'

const seed = fc.nat({ max: 0xffff_ffff })

function take(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.next())
}

/** Chi-square of counts against equal shares; with 63 degrees of freedom 120 is beyond the 99.99th percentile. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0) / values.length
  const [meanA, meanB] = [mean(a), mean(b)]
  const covariance = mean(a.map((x, i) => (x - meanA) * (b[i]! - meanB)))
  const spread = (values: readonly number[], m: number): number => Math.sqrt(mean(values.map((x) => (x - m) ** 2)))
  return covariance / (spread(a, meanA) * spread(b, meanB))
}

describe('a seeded stream', () => {
  it('is the same for the same seed, and has not changed since it was first written', () => {
    expect(take(seededRandom(7), 50)).toEqual(take(seededRandom(7), 50))
    expect(
      Array.from(
        { length: 8 },
        (
          (random) => () =>
            random.integer(1_000)
        )(seededRandom(1)),
      ),
    ).toEqual(FIRST_OF_SEED_1)
  })

  it('stays in its range', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 1, max: 2 ** 40 }), (value, bound) => {
        const random = seededRandom(value)
        const next = random.next()
        expect(next).toBeGreaterThanOrEqual(0)
        expect(next).toBeLessThan(1)
        const integer = random.integer(bound)
        expect(Number.isInteger(integer) && integer >= 0 && integer < bound).toBe(true)
        expect(random.exponential(5)).toBeGreaterThanOrEqual(0)
        expect(Number.isFinite(random.normal())).toBe(true)
      }),
    )
  })

  it.each([0, 1, 2, 0xffff_ffff])('is uniform, in single draws and in pairs, with seed %d', (value) => {
    const random = seededRandom(value)
    const single = Array.from({ length: 64 }, () => 0)
    const pairs = Array.from({ length: 64 }, () => 0)
    for (let i = 0; i < 64_000; i++) {
      single[random.integer(64)]!++
      pairs[random.integer(8) * 8 + random.integer(8)]!++
    }
    expect(chiSquare(single)).toBeLessThan(120)
    expect(chiSquare(pairs)).toBeLessThan(120)
  })

  it('has the means and the spread it promises', () => {
    const random = seededRandom(3)
    const count = 100_000
    let exponentials = 0
    let normals = 0
    let squares = 0
    for (let i = 0; i < count; i++) {
      exponentials += random.exponential(20)
      const normal = random.normal()
      normals += normal
      squares += normal * normal
    }
    expect(exponentials / count).toBeCloseTo(20, 0)
    expect(Math.abs(normals / count)).toBeLessThan(0.02)
    expect(squares / count).toBeCloseTo(1, 1)
  })

  it('picks every element', () => {
    const random = seededRandom(5)
    expect(new Set(Array.from({ length: 200 }, () => random.pick(['a', 'b', 'c'])))).toEqual(new Set(['a', 'b', 'c']))
  })
})

describe('a fork', () => {
  it('depends on seed and name alone, not on what was drawn or forked before', () => {
    const used = seededRandom(9)
    take(used, 100)
    used.fork('other')
    expect(take(used.fork('load'), 20)).toEqual(take(seededRandom(9).fork('load'), 20))
  })

  it('does not disturb the stream it came from', () => {
    const forked = seededRandom(9)
    forked.fork('load')
    expect(take(forked, 20)).toEqual(take(seededRandom(9), 20))
  })

  it('is unrelated to its parent, to its siblings and to the forks of near seeds', () => {
    const streams = [
      seededRandom(9),
      seededRandom(10),
      ...['', 'a', 'b', 'user-1', 'user-2'].map((name) => seededRandom(9).fork(name)),
      seededRandom(10).fork('a'),
      seededRandom(9).fork('a').fork('a'),
    ].map((random) => take(random, 5_000))
    // 36 pairs of 5,000 draws: the standard deviation of a chance correlation is 0.014.
    for (const [i, a] of streams.entries()) {
      for (const b of streams.slice(i + 1)) expect(Math.abs(correlation(a, b))).toBeLessThan(0.065)
    }
  })
})

describe('what is not seeded', () => {
  it('is never the same twice', () => {
    expect(new Set(Array.from({ length: 100 }, () => secretToken())).size).toBe(100)
    expect(new Set(Array.from({ length: 100 }, () => uniqueId())).size).toBe(100)
    expect(new Set(Array.from({ length: 20 }, () => freshSeed())).size).toBeGreaterThan(15)
  })

  it('fits into an address and has the entropy asked for', () => {
    expect(secretToken()).toMatch(/^[\w-]{32}$/)
    expect(Buffer.from(secretToken(48), 'base64url').length).toBe(48)
  })
})

const FIRST_OF_SEED_1 = [91, 888, 434, 746, 130, 939, 950, 649]
