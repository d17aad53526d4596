import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  FLAVOURS,
  learnedTaste,
  normalised,
  sharedFlavours,
  similarity,
  TASTE_HALF_LIFE_WEEKS,
} from '../../domain/taste.ts'

const only = (...flavours: string[]): number[] =>
  normalised(FLAVOURS.map((flavour) => (flavours.includes(flavour) ? 1 : 0)))
const spicy = only('spicy')
const sweet = only('sweet')

describe('a learned taste', () => {
  it('is the stated one while nothing was eaten', () => {
    expect(learnedTaste(spicy, [])).toEqual(spicy)
  })

  it('moves towards what was liked and away from what was not', () => {
    const after = (stars: number): number => similarity(learnedTaste(spicy, [{ taste: sweet, week: 10, stars }]), sweet)
    expect(after(5)).toBeGreaterThan(0)
    expect(after(3)).toBe(0)
    expect(after(1)).toBeLessThan(0)
  })

  it('takes an order without a rating for a little praise', () => {
    const learned = learnedTaste(spicy, [{ taste: sweet, week: 10, stars: undefined }])
    expect(similarity(learned, sweet)).toBeGreaterThan(0)
    expect(similarity(learned, sweet)).toBeLessThan(
      similarity(learnedTaste(spicy, [{ taste: sweet, week: 10, stars: 4 }]), sweet),
    )
  })

  it('forgets by half with every half-life', () => {
    const recent = { taste: only('salty'), week: 100, stars: 3 }
    const weightAt = (week: number): number => {
      const learned = learnedTaste(spicy, [recent, { taste: sweet, week, stars: 5 }])
      return similarity(learned, sweet) / similarity(learned, spicy)
    }
    expect(weightAt(100 - TASTE_HALF_LIFE_WEEKS)).toBeCloseTo(weightAt(100) / 2, 10)
  })

  it('waits for whoever pauses: only the time between meals counts', () => {
    const meals = [
      { taste: sweet, week: 10, stars: 5 },
      { taste: spicy, week: 14, stars: 4 },
    ]
    expect(learnedTaste(spicy, meals)).toEqual(
      learnedTaste(
        spicy,
        meals.map((meal) => ({ ...meal, week: meal.week + 70 })),
      ),
    )
  })

  it('always has length 1', () => {
    const vector = fc.array(fc.integer({ min: -10, max: 10 }), { minLength: 16, maxLength: 16 })
    fc.assert(
      fc.property(vector, vector, fc.integer({ min: 1, max: 5 }), (stated, eaten, stars) => {
        fc.pre(stated.some((value) => value !== 0))
        const learned = learnedTaste(normalised(stated), [{ taste: normalised(eaten), week: 1, stars }])
        expect(similarity(learned, learned)).toBeCloseTo(1, 10)
      }),
    )
  })
})

describe('shared flavours', () => {
  it('are those that both have, the strongest first', () => {
    const eater = normalised(
      FLAVOURS.map((flavour) => ({ spicy: 3, smoky: 2, sweet: -2, herby: 1 })[flavour as string] ?? 0),
    )
    const meal = normalised(FLAVOURS.map((flavour) => ({ spicy: 1, smoky: 2, sweet: 3 })[flavour as string] ?? 0))
    expect(sharedFlavours(eater, meal, 3)).toEqual(['smoky', 'spicy'])
    expect(sharedFlavours(eater, meal, 1)).toEqual(['smoky'])
  })
})
