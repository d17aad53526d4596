import { describe, expect, test } from 'vitest'
import { createIdSource, newId } from '../../src/core/new-id.ts'
import { seededRandom } from '../../src/core/random.ts'

const UUID_7 = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

/** Ids by a clock that the test sets. */
function source(startMs: number, seed = 1) {
  const clock = { ms: startMs, epochMs: () => clock.ms }
  const random = seededRandom(seed)
  return {
    clock,
    next: createIdSource({ clock, random: () => Buffer.from(Array.from({ length: 8 }, () => random.integer(256))) }),
  }
}

describe('an id', () => {
  test('is a UUID of version 7 with the time it was made at', () => {
    const { next } = source(0x19ab2c45d00)
    expect(next()).toMatch(UUID_7)
    expect(next().slice(0, 13)).toBe('019ab2c4-5d00')
    expect(newId()).toMatch(UUID_7)
  })

  test('is greater than the one before, however many there are in a millisecond', () => {
    const { next, clock } = source(1_700_000_000_000)
    const ids = Array.from({ length: 10_000 }, next)
    clock.ms += 1_000
    ids.push(next())
    expect(ids.toSorted()).toEqual(ids)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('is greater than the one before while the clock goes back', () => {
    const { next, clock } = source(1_700_000_000_000)
    const ids = [next()]
    for (const back of [1, 60_000, 3_600_000]) {
      clock.ms -= back
      ids.push(next(), next())
    }
    clock.ms = 1_700_000_000_001
    ids.push(next())
    expect(ids.toSorted()).toEqual(ids)
  })

  test('of many processes is made once, though all of them have the same time', () => {
    const ids = Array.from({ length: 200 }, (_, seed) => source(1_700_000_000_000, seed)).flatMap(({ next }) =>
      Array.from({ length: 100 }, next),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })
})
