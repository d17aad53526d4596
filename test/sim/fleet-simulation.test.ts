import { describe, expect, test } from 'vitest'
import { simulateFleet } from './fleet-simulation.ts'

const SEEDS = 50
const TOGETHER = 10

describe('a service in trouble, then in peace', () => {
  test.each(Array.from({ length: SEEDS / TOGETHER }, (_, index) => index * TOGETHER))(
    'keeps its promises, and does the same again, for ten seeds from %d',
    { timeout: 120_000 },
    async (first) => {
      for (let seed = first; seed < first + TOGETHER; seed++) {
        const story = await simulateFleet(seed)
        expect(story.defects, `npm run test:long -- fleet --seed ${seed} --minutes 0.01`).toEqual([])
        expect((await simulateFleet(seed)).log).toEqual(story.log)
      }
    },
  )

  test('meets trouble: requests fail, instances are started again, and the number changes', async () => {
    const { log, figures } = await simulateFleet(1)
    expect(figures['failed']).toBeGreaterThan(0)
    expect(figures['starts']).toBeGreaterThan(5)
    for (const kind of ['crash', 'hang', 'load', 'scale', 'out ', 'back ', 'stop']) {
      expect(log.some((line) => line.includes(` ${kind}`))).toBe(true)
    }
  })
})
