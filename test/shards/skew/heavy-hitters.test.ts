import { array, assert, integer, oneof, constant, property } from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../../../src/core/random.ts'
import { createHeavyHitters } from '../../../src/shards/skew/heavy-hitters.ts'

test('no key is counted too often, nor by more than the error too seldom, nor forgotten above it', () => {
  const key = oneof({ weight: 3, arbitrary: constant(0) }, { weight: 5, arbitrary: integer({ min: 0, max: 30 }) })
  assert(
    property(array(key, { maxLength: 400 }), integer({ min: 1, max: 8 }), (keys, capacity) => {
      const hitters = createHeavyHitters<number>(capacity)
      for (const each of keys) hitters.add(each)
      const counted = new Map(hitters.top(capacity).map(({ key: one, countMin }) => [one, countMin]))
      expect(hitters.errorMax).toBeLessThanOrEqual(keys.length / (capacity + 1))
      for (const one of new Set(keys)) {
        const count = keys.filter((each) => each === one).length
        const countMin = counted.get(one) ?? 0
        expect(countMin).toBeLessThanOrEqual(count)
        expect(countMin + hitters.errorMax).toBeGreaterThanOrEqual(count)
      }
    }),
  )
})

test('one hot key among very many others is found', () => {
  const random = seededRandom(5)
  const hitters = createHeavyHitters<number>(32)
  for (let n = 0; n < 20_000; n++) hitters.add(random.next() < 0.1 ? -1 : random.integer(1_000_000))
  const [hottest] = hitters.top(1)
  expect(hottest!.key).toBe(-1)
  expect(hottest!.countMin + hitters.errorMax).toBeGreaterThan(1_800)
  hitters.reset()
  expect(hitters.top(1)).toEqual([])
})
