import { join } from 'node:path'
import type { DatabaseBackups } from '../../src/backups/database-backups.ts'
import { createDatabaseBackups } from '../../src/backups/database-backups.ts'
import type { Lineage } from '../../src/backups/lineage.ts'
import { folderRepository } from '../../src/backups/repositories/folder.ts'
import type { RestoreOptions } from '../../src/backups/restore.ts'
import { clusterPathsOf } from '../../src/clusters/cluster-record.ts'
import type { Cluster } from '../../src/clusters/cluster-state.ts'
import { readControlFile } from '../../src/clusters/control-file.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { TestBed } from '../../test/integration/clusters/test-bed.ts'
import { createTestBed } from '../../test/integration/clusters/test-bed.ts'

/** A cluster that is archived and backed up as one of a system is, all gone after `end`. */
export interface RestoreRig {
  readonly cluster: Cluster
  readonly backups: DatabaseBackups
  readonly directory: string
  /** The oldest change that was not archived, the highest that was seen; begins anew with `forgetLag`. */
  lagMsMax(): number
  forgetLag(): void
  restoreOptions(directory: string, signal: AbortSignal): Promise<RestoreOptions>
  end(): Promise<void>
}

const NAME = 'orders'
const WAL_EVERY_MS = 10_000

export async function startRig(): Promise<RestoreRig> {
  const bed = await createTestBed({ hasTemplate: false })
  try {
    return await rigIn(bed)
  } catch (error) {
    await bed.end()
    throw error
  }
}

async function rigIn(bed: TestBed): Promise<RestoreRig> {
  const { directory, binaries, subprocesses, user, socketDirectory } = bed
  const cluster = bed.cluster(NAME, { archiveEvery: `${WAL_EVERY_MS}ms` })
  await cluster.start()
  const paths = clusterPathsOf(join(directory, NAME))
  const repository = folderRepository(join(directory, 'backups'))
  const lineage = async (): Promise<Lineage> => ({
    database: NAME,
    systemIdentifier: (await readControlFile(paths.data))!.systemIdentifier,
  })
  let lagMsMax = 0
  const backups = createDatabaseBackups({
    settings: {
      to: { kind: 'folder', path: repository.where },
      everyMs: 86_400_000,
      keep: { backups: 7 },
      walEveryMs: WAL_EVERY_MS,
    },
    repository,
    lineage,
    spool: paths.spool,
    dataDirectory: () => paths.data,
    url: () => cluster.adminUrl(),
    postgresVersion: binaries.version,
    tenfoldVersion: 'bench',
    clock: systemClock,
    onStatus: () => undefined,
    onProblem: () => undefined,
    onLag: (lagMs) => (lagMsMax = Math.max(lagMsMax, lagMs)),
  })
  return {
    cluster,
    backups,
    directory,
    lagMsMax: () => lagMsMax,
    forgetLag: () => void (lagMsMax = 0),
    restoreOptions: async (to, signal) => ({
      binaries,
      subprocesses,
      user,
      socketDirectory,
      clock: systemClock,
      timeoutMs: 600_000,
      repository,
      lineage: await lineage(),
      target: { kind: 'latest' },
      directory: to,
      isThorough: true,
      signal,
    }),
    async end() {
      await backups.stop(0)
      await bed.end()
    },
  }
}
