import type { Probes } from '../../src/doctor/probes.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z')

/** A machine on which all is well, but for the changes. */
export function fakeProbes(changes: Partial<Probes> = {}): Probes {
  return {
    nodeVersion: '26.10.0',
    platform: 'linux',
    architecture: 'x64',
    environment: { LANG: 'C.UTF-8' },
    processors: () => 2,
    memoryAvailableBytes: () => 4 * 1024 ** 3,
    childUser: () => undefined,
    limitsNotEnforced: () => undefined,
    postgresVersion: async () => '18.4',
    isPortFree: async () => true,
    openFilesMax: () => 1_048_576,
    diskFreeBytes: async () => 50 * 1024 ** 3,
    durableWriteMs: async () => 0.8,
    canEnter: async () => true,
    tryRuntimeDirectory: async () => undefined,
    epochMs: () => NOW,
    installedEpochMs: async () => NOW - 3_600_000,
    fileSystemEpochMs: async () => NOW + 4,
    hasProgram: async () => true,
    hasPackage: () => true,
    serverVersion: async () => '17.2',
    runningGatewayPort: async () => undefined,
    ...changes,
  }
}
