import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { Notice, ServiceStatus } from '../control/snapshot.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Balancer } from './balancer-port.ts'
import type { InstanceHost } from './instance-host.ts'
import type { Release } from './release.ts'

/** What a supervisor works with. */
export interface ServiceSupervisorOptions {
  readonly service: ResolvedService
  readonly release: Release
  readonly host: InstanceHost
  readonly balancer: Balancer
  /** Gets the status after each change. */
  readonly onStatus?: (status: ServiceStatus) => void
  /** Gets what a person should know: a crash loop, limits that are not enforced. */
  readonly onNotice?: (notice: Notice) => void
  /** Called when the start has failed, before anything is stopped for it. */
  readonly onStartFailed?: () => void
  /** How many at first. @default the service's `instances.desired` */
  readonly desired?: number
  /** How long requests in flight may take to end when an instance leaves now. @default `drainTimeoutMsOf` the revision */
  readonly drainTimeoutMs?: () => number
  /**
   * Ids of instances that an earlier run has left. They are started first, which the host may do by going on with them,
   * and the balancer keeps what it has until all are ready for the first time: requests go on meanwhile. @default none
   */
  readonly earlierIds?: readonly string[]
  /** So many failed health checks in a row restart an instance; Infinity: never. @default 10 */
  readonly restartAfterProbes?: number
  /** So many start at once while one serves, see `ReconcilePolicy`. @default any number */
  readonly startsAtOnce?: number
  /** Between two health checks of a ready instance. @default 1,000 */
  readonly probeIntervalMs?: number
  readonly clock?: Clock
  readonly random?: Random
}
