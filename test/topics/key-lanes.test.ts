import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createFinishedPrefix } from '../../src/topics/finished-prefix.ts'
import { createKeyLanes } from '../../src/topics/key-lanes.ts'
import { createWorkPlaces } from '../../src/topics/work-places.ts'

describe('the lanes of keys', () => {
  test('keep the order of each key, whatever takes how long, and let others pass', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }), { maxLength: 30 }),
        async (scheduler, keys) => {
          const lanes = createKeyLanes()
          const seen: number[] = []
          for (const [n, key] of keys.entries()) {
            lanes.add(key, async () => {
              await scheduler.schedule(Promise.resolve())
              seen.push(n)
            })
          }
          await scheduler.waitFor(
            (async () => {
              while (lanes.size > 0) await lanes.change()
            })(),
          )
          expect(seen.toSorted((a, b) => a - b)).toEqual([...keys.keys()])
          for (const key of ['a', 'b', 'c']) {
            const ofKey = seen.filter((n) => keys[n] === key)
            expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  test('know nothing of a key whose work is done', async () => {
    const lanes = createKeyLanes()
    expect(lanes.size).toBe(0)
    await lanes.change()
    lanes.add('a', async () => {})
    await lanes.change()
    expect(lanes.size).toBe(0)
  })
})

test('places are taken by so many at once, in order', async () => {
  const places = createWorkPlaces(2)
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>())
  const begun: number[] = []
  const all = gates.map((gate, n) =>
    places.run(async () => {
      begun.push(n)
      await gate.promise
      if (n === 1) throw new Error('it is given back all the same')
    }),
  )
  expect(begun).toEqual([0, 1])
  gates[1]!.resolve()
  await expect(all[1]).rejects.toThrow('given back')
  expect(begun).toEqual([0, 1, 2])
  for (const gate of gates) gate.resolve()
  await Promise.allSettled(all)
  expect(begun).toEqual([0, 1, 2, 3])
})

test('what is finished reaches up to the first gap', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8]), (order) => {
      const prefix = createFinishedPrefix()
      const done = new Set<number>()
      for (const sequence of order) {
        prefix.finish(sequence)
        done.add(sequence)
        let expected = 0
        while (done.has(expected + 1)) expected++
        expect(prefix.upTo).toBe(expected)
      }
    }),
  )
})
