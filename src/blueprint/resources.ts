import type { Size } from '../core/size.ts'

/** What one instance of a service, or one node of a database, may use at most. */
export interface Resources {
  /**
   * Cores.
   * @default no limit
   * @example cpu: 0.25
   */
  cpu?: number
  /**
   * Memory, 8 MiB or more; an instance that needs more is killed and restarted.
   * @default no limit
   * @example memory: '256MiB'
   */
  memory?: Size
}
