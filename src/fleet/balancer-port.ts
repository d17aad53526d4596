import type { RequestMatch } from '../blueprint/resolved-traffic.ts'

/** One instance that may take requests, as the gateway is told. */
export interface BalancedEndpoint {
  /** The instance's id: `api-1`. */
  readonly id: string
  readonly host: string
  readonly port: number
  /** Its share relative to the others. @default 1 */
  readonly weight?: number
  /** It is tried: together with the others like it, it gets exactly its share by weight. @default false */
  readonly isCanary?: boolean
  /** Requests that all who are tried get besides. @default none */
  readonly match?: RequestMatch | undefined
}

/** What the fleet needs of the gateway; `runtime` wires the two, neither imports the other. */
export interface Balancer {
  /**
   * Replaces the endpoints of a service. Resolves when the gateway has taken them over: from then on it sends nothing
   * new to an instance that is not listed. The fleet makes one call at a time for a service and repeats one that fails.
   */
  publish(service: string, endpoints: readonly BalancedEndpoint[]): Promise<void>
  /**
   * Resolves `true` once no request to an instance that is no longer listed is in flight, `false` if some still are
   * when `deadlineMs` has passed.
   */
  drained(service: string, instanceId: string, deadlineMs: number): Promise<boolean>
}
