import type { ResolvedService } from '../../src/blueprint/resolved-blueprint.ts'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'
import type { BalancedEndpoint, Balancer } from '../../src/fleet/balancer-port.ts'
import type { Release } from '../../src/fleet/release.ts'

/** A service with two instances and nothing else. */
export function testService(changes: Partial<ResolvedService> = {}): ResolvedService {
  return {
    name: 'api',
    program: { kind: 'entry', entry: '/app/api.ts' },
    schedule: undefined,
    listensOn: undefined,
    routes: ['/'],
    databases: [],
    publishes: [],
    consumes: [],
    enqueues: [],
    works: [],
    connectsTo: [],
    calls: [],
    env: {},
    instances: { min: 1, desired: 2, max: 10 },
    scale: undefined,
    resources: { cpu: undefined, memoryBytes: undefined },
    health: undefined,
    startTimeoutMs: 10_000,
    stopTimeoutMs: 5_000,
    requestTimeoutMs: 30_000,
    traffic: DEFAULT_TRAFFIC,
    ...changes,
  }
}

export const testRelease: Release = { id: '0123456789abcdef0123', directory: '/releases/0', packageRoot: '/app' }

/** A balancer that remembers what it was told. */
export interface RememberingBalancer extends Balancer {
  readonly ids: readonly string[]
  readonly endpoints: readonly BalancedEndpoint[]
  /** Everything in the order it happened: `publish api-1,api-2`, `drained api-1`. */
  readonly calls: readonly string[]
}

/** @param drain what waits for the end of the requests; at once unless given */
export function rememberingBalancer(
  drain: (id: string, deadlineMs: number) => Promise<boolean> = async () => true,
): RememberingBalancer {
  let endpoints: readonly BalancedEndpoint[] = []
  const calls: string[] = []
  return {
    get ids() {
      return endpoints.map(({ id }) => id)
    },
    get endpoints() {
      return endpoints
    },
    calls,
    async publish(_service, next) {
      endpoints = next
      calls.push(`publish ${next.map(({ id }) => id).join(',')}`)
    },
    drained(_service, id, deadlineMs) {
      calls.push(`drained ${id}`)
      return drain(id, deadlineMs)
    },
  }
}
