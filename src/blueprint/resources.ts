import type { Size } from '../core/size.ts'

/** What one instance of a service, or one node of a database, may use at most. */
export interface Resources {
  /** Cores, for example 0.25. @default no limit */
  cpu?: number
  /** Memory; an instance that needs more is killed and restarted. @default no limit */
  memory?: Size
}
