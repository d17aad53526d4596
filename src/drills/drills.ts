import type { Drill } from './drill.ts'
import { failover } from './drills/failover.ts'
import { standbyLoss } from './drills/standby-loss.ts'
import { switchover } from './drills/switchover.ts'
import { zoneLoss } from './drills/zone-loss.ts'

/** Every drill there is. */
export const DRILLS: readonly Drill[] = [failover, switchover, standbyLoss, zoneLoss]
