import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Drill } from './drill.ts'
import { failover } from './drills/failover.ts'
import { standbyLoss } from './drills/standby-loss.ts'
import { switchover } from './drills/switchover.ts'
import { zoneLoss } from './drills/zone-loss.ts'

/** Every drill that a system comes back from by itself. */
export const DRILLS: readonly Drill[] = [failover, switchover, standbyLoss, zoneLoss]

/** One of these drills by its name. @throws TF_USAGE */
export function drillNamed<Each extends { readonly name: string }>(name: string, drills: readonly Each[]): Each {
  const found = drills.find((each) => each.name === name)
  if (found !== undefined) return found
  const known = drills.map((each) => each.name)
  const meant = didYouMean(name, known)
  throw new TenfoldError('TF_USAGE', `expected a drill (${known.join(', ')}), got ${JSON.stringify(name)}`, {
    hint: meant === undefined ? 'run "tenfold drill --help"' : `did you mean ${meant}?`,
  })
}
