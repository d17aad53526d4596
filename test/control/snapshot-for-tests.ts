import type { LogSource } from '../../src/control/log-source.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'

/** The snapshot of a system that has just begun, with changes. */
export function snapshotForTests(changes: Partial<SystemSnapshot> = {}): SystemSnapshot {
  return {
    version: 1,
    system: 'shop',
    configuration: 'tenfold',
    run: 'r1',
    pid: 1,
    startedEpochMs: 0,
    phase: 'starting',
    gateway: { state: 'starting' },
    services: {},
    databases: {},
    rehearsal: undefined,
    notices: [],
    ...changes,
  }
}

/** Instances that never say anything. */
export const silentLogs: LogSource = { last: async () => [], subscribe: () => () => undefined }
