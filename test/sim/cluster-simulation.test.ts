import { describe, expect, test } from 'vitest'
import { simulateCluster } from './cluster-simulation.ts'

const SEEDS = 500
const TOGETHER = 100

describe('a cluster in trouble, then in peace', () => {
  test.each(Array.from({ length: SEEDS / TOGETHER }, (_, index) => index * TOGETHER))(
    'loses nothing and has one that writes, and does the same again, for a hundred seeds from %d',
    { timeout: 120_000 },
    (first) => {
      for (let seed = first; seed < first + TOGETHER; seed++) {
        const story = simulateCluster(seed)
        expect(story.defects, `npm run test:long -- cluster-sim --seed ${seed} --seeds 1`).toEqual([])
        expect(simulateCluster(seed).log).toEqual(story.log)
      }
    },
  )

  test('meets trouble: nodes take over, are copied anew, and operators die', () => {
    const stories = Array.from({ length: 20 }, (_, seed) => simulateCluster(seed))
    const lines = stories.flatMap(({ log }) => log)
    for (const what of ['fault kill', 'fault stop', 'fault cut', 'lead', 'promoted', 'copied', 'record-asynchronous']) {
      expect(lines.filter((line) => line.includes(what)).length, what).toBeGreaterThan(5)
    }
    for (const { figures } of stories) expect(figures['acknowledged']).toBeGreaterThan(100)
  })
})
