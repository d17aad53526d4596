import type { FollowerOptions } from '../../src/clusters/cluster-options.ts'
import { seededRandom } from '../../src/core/random.ts'
import { liveOnce } from '../integration/clusters/hunt/cluster-life.ts'
import type { Hunt } from './hunt.ts'

const DEFECTS_MAX = 20
const SETTINGS: readonly FollowerOptions[] = [
  { count: 1, isSynchronous: true, durability: 'preferred' },
  { count: 2, isSynchronous: true, durability: 'preferred' },
  { count: 2, isSynchronous: true, durability: 'required' },
  { count: 2, isSynchronous: true, durability: 'preferred' },
]

/**
 * Real clusters, one after the other, with clients that write and read through everything that is done to them. The first
 * cluster has the seed that is given, so that a schedule can be told again.
 */
export const hunt: Hunt = {
  name: 'cluster',
  description:
    'kills, stops, cuts, full disks, switch-overs and dead control planes for PostgreSQL clusters under load',
  async run({ seed: first, seeds = Infinity, signal, log }) {
    const defects: string[] = []
    const figures: Record<string, number> = { clusters: 0 }
    for (let seed = first; !signal.aborted && seed < first + seeds && defects.length < DEFECTS_MAX; seed++) {
      const random = seededRandom(seed)
      const followers = random.fork('setting').pick(SETTINGS)
      log(`--seed ${seed} --seeds 1: ${followers.count} followers, ${followers.durability}`)
      const story = await liveOnce({ followers, random, signal, log })
      defects.push(...story.defects.map((defect) => `--seed ${seed}: ${defect}`))
      for (const [name, value] of Object.entries(story.figures)) {
        const before = figures[name] ?? 0
        figures[name] = name.endsWith('Max') ? Math.max(before, value) : before + value
      }
      figures['clusters']!++
      log(`  ${JSON.stringify(story.figures)}`)
      for (const defect of story.defects) log(`  found: ${defect}`)
    }
    return { figures, defects }
  },
}
