import { sleep, systemClock } from '../../src/core/clock.ts'
import { simulateFleet } from '../sim/fleet-simulation.ts'
import type { Hunt } from './hunt.ts'

const DEFECTS_MAX = 20

/**
 * Fleet, balancer and autoscaler on a virtual clock, one seed after the other, each twice: see
 * `test/sim/fleet-simulation.ts`. The first seed is the one that is given, so that a story can be told again.
 */
export const hunt: Hunt = {
  name: 'fleet',
  description: 'crashes, hangs, slow starts and waves of load for fleet, balancer and autoscaler, in virtual time',
  async run({ seed: first, seeds = Infinity, signal, log }) {
    const defects: string[] = []
    const figures = { seeds: 0, requests: 0, failed: 0, starts: 0, decisions: 0 }
    for (let seed = first; !signal.aborted && seed < first + seeds && defects.length < DEFECTS_MAX; seed++) {
      const story = await simulateFleet(seed)
      const again = await simulateFleet(seed)
      const found =
        story.log.join('\n') === again.log.join('\n') ? story.defects : [...story.defects, 'the log differs']
      for (const defect of found.slice(0, 3)) defects.push(`--seed ${seed}: ${defect}`)
      if (found.length > 0) log(story.log.filter((line) => !line.includes(' failed ')).join('\n'))
      figures.seeds += 1
      figures.requests += story.figures['arrived']!
      figures.failed += story.figures['failed']!
      figures.starts += story.figures['starts']!
      figures.decisions += story.figures['decisions']!
      // Virtual time never gives way to the real one, which ends the hunt.
      await sleep(systemClock, 0)
    }
    return { figures, defects }
  },
}
