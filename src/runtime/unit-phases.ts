import type { ResolvedCluster } from '../blueprint/clusters-of.ts'
import type { SystemCode } from './system-code.ts'

/** From nothing to a database that services may use, in this order. */
export interface StartPhases {
  /** The server answers. */
  open(signal?: AbortSignal): Promise<void>
  /** @returns how many files were applied */
  migrate(signal?: AbortSignal): Promise<number>
  /** The rest, once tables are laid out. */
  complete(signal?: AbortSignal): Promise<void>
}

/** From one blueprint to the next, in this order. */
export interface UpdatePhases {
  /** @returns how many files were applied */
  migrate(database: ResolvedCluster, signal: AbortSignal): Promise<number>
  complete(database: ResolvedCluster, code: SystemCode, signal: AbortSignal): Promise<void>
}
