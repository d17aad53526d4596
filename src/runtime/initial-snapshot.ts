import { clusters } from '../blueprint/clusters-of.ts'
import type { ResolvedBlueprint, ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { kindOfService } from '../blueprint/service-kind.ts'
import type { ServiceStatus, SystemSnapshot } from '../control/snapshot.ts'
import { shardOf } from './database-status.ts'

/** The snapshot of a system of which nothing runs yet. */
export function initialSnapshot(
  blueprint: ResolvedBlueprint,
  run: { readonly id: string; readonly pid: number; readonly startedEpochMs: number; readonly timeScale: number },
): SystemSnapshot {
  return {
    version: 1,
    system: blueprint.name,
    configuration: blueprint.configuration,
    run: run.id,
    pid: run.pid,
    startedEpochMs: run.startedEpochMs,
    phase: 'starting',
    ...(run.timeScale === 1 ? {} : { timeScale: run.timeScale }),
    gateway: { state: 'starting' },
    services: Object.fromEntries(
      Object.values(blueprint.services).map((service) => [service.name, initialStatus(service)]),
    ),
    databases: Object.fromEntries(
      Object.values(clusters(blueprint)).map((cluster) => [
        cluster.name,
        { name: cluster.name, ...shardOf(cluster), state: 'starting', nodes: [] },
      ]),
    ),
    rehearsal: undefined,
    notices: [],
  }
}

/** A service of which nothing runs yet. */
export function initialStatus(service: ResolvedService): ServiceStatus {
  const kind = kindOfService(service)
  const { name, instances } = service
  return { name, ...(kind === 'server' ? {} : { kind }), desired: instances.desired, instances: [] }
}
