import type { ResolvedCluster } from '../blueprint/clusters-of.ts'
import type { SystemCode } from './system-code.ts'

/** From nothing to a database that services may use, in this order. */
export interface StartPhases {
  /** The server answers. */
  open(signal?: AbortSignal): Promise<void>
  migrate(signal?: AbortSignal): Promise<void>
  /** The rest, once tables are laid out. */
  complete(signal?: AbortSignal): Promise<void>
}

/** From one blueprint to the next, in this order. */
export interface UpdatePhases {
  migrate(database: ResolvedCluster, signal: AbortSignal): Promise<void>
  complete(database: ResolvedCluster, code: SystemCode, signal: AbortSignal): Promise<void>
}
