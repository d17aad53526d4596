import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { SystemSnapshot } from '../control/snapshot.ts'

/** The snapshot of a system of which nothing runs yet. */
export function initialSnapshot(
  blueprint: ResolvedBlueprint,
  run: { readonly id: string; readonly pid: number; readonly startedEpochMs: number },
): SystemSnapshot {
  return {
    version: 1,
    system: blueprint.name,
    configuration: blueprint.configuration,
    run: run.id,
    pid: run.pid,
    startedEpochMs: run.startedEpochMs,
    phase: 'starting',
    gateway: { state: 'starting' },
    services: Object.fromEntries(
      Object.values(blueprint.services).map(({ name, instances }) => [
        name,
        { name, desired: instances.desired, instances: [] },
      ]),
    ),
    databases: Object.fromEntries(
      Object.values(blueprint.databases).map(({ name }) => [name, { name, state: 'starting', nodes: [] }]),
    ),
    rehearsal: undefined,
    notices: [],
  }
}
