import { sleep, systemClock } from '../../src/core/clock.ts'
import { simulateCluster } from '../sim/cluster-simulation.ts'
import type { Hunt } from './hunt.ts'

const DEFECTS_MAX = 20
const LINES = 40

/** The arbiter with simulated nodes, one seed after the other, each twice: see `test/sim/cluster-simulation.ts`. */
export const hunt: Hunt = {
  name: 'cluster-sim',
  description: 'the arbiter of clusters with simulated nodes, in virtual time: thousands of seeds in a minute',
  async run({ seed: first, seeds = Infinity, signal, log }) {
    const defects: string[] = []
    const figures = { seeds: 0, acknowledged: 0, promotions: 0, faults: 0, operators: 0 }
    for (let seed = first; !signal.aborted && seed < first + seeds && defects.length < DEFECTS_MAX; seed++) {
      const story = simulateCluster(seed)
      const isSame = simulateCluster(seed).log.join('\n') === story.log.join('\n')
      const found = isSame ? story.defects : [...story.defects, 'the log differs']
      for (const defect of found.slice(0, 3)) defects.push(`--seed ${seed}: ${defect}`)
      if (found.length > 0) log(story.log.slice(-LINES).join('\n'))
      figures.seeds++
      for (const name of ['acknowledged', 'promotions', 'faults', 'operators'] as const) {
        figures[name] += story.figures[name]!
      }
      // Virtual time never gives way to the real one, which ends the hunt.
      await sleep(systemClock, 0)
    }
    return { figures, defects }
  },
}
