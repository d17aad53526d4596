import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseBackups } from '../../src/backups/database-backups.ts'
import { createDatabaseBackups } from '../../src/backups/database-backups.ts'
import type { Lineage } from '../../src/backups/lineage.ts'
import { folderRepository } from '../../src/backups/repositories/folder.ts'
import type { RestoreOptions } from '../../src/backups/restore.ts'
import { createCluster } from '../../src/clusters/cluster.ts'
import { clusterPathsOf } from '../../src/clusters/cluster-record.ts'
import type { Cluster } from '../../src/clusters/cluster-state.ts'
import { readControlFile } from '../../src/clusters/control-file.ts'
import { findPostgresBinaries } from '../../src/clusters/postgres-binaries.ts'
import { findChildUser } from '../../src/core/child-user.ts'
import { systemClock } from '../../src/core/clock.ts'
import { uniqueId } from '../../src/core/random.ts'
import { createSubprocesses } from '../../src/core/subprocesses.ts'

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
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-bench-'))
  await chmod(directory, 0o711)
  const socketDirectory = await mkdtemp('/tmp/tenfold-bench-')
  const user = findChildUser()
  if (user !== undefined) await chown(socketDirectory, user.uid, user.gid)
  const binaries = await findPostgresBinaries({ user, cacheDirectory: join(directory, 'binaries') })
  const recordFile = join(directory, 'children.json')
  const subprocesses = await createSubprocesses({ recordFile, runToken: uniqueId(), isEphemeral: true })
  const cluster = createCluster({
    name: NAME,
    dataDirectory: join(directory, NAME),
    binaries,
    subprocesses,
    socketDirectory,
    logFile: join(directory, 'postgres.log'),
    user,
    archiveEvery: `${WAL_EVERY_MS}ms`,
  })
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
      await cluster.stop(5_000)
      await subprocesses.stopAll()
      await rm(socketDirectory, { recursive: true, force: true })
      await rm(directory, { recursive: true, force: true })
    },
  }
}
