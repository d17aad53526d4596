import { join } from 'node:path'
import { clusterPathsOf, readClusterRecord } from '../../../src/clusters/cluster-record.ts'
import type { ClusterOptions } from '../../../src/clusters/cluster-options.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { readControlFile } from '../../../src/clusters/control-file.ts'
import type { Archiver } from '../../../src/backups/archiver.ts'
import { createArchiver } from '../../../src/backups/archiver.ts'
import type { Lineage } from '../../../src/backups/lineage.ts'
import { keysOf } from '../../../src/backups/lineage.ts'
import type { BackupManifest } from '../../../src/backups/manifest.ts'
import type { BackupRepository } from '../../../src/backups/repository.ts'
import { folderRepository } from '../../../src/backups/repositories/folder.ts'
import type { RestoreOptions } from '../../../src/backups/restore.ts'
import { takeBackup } from '../../../src/backups/take-backup.ts'
import { systemClock } from '../../../src/core/clock.ts'
import type { TestBed } from '../clusters/test-bed.ts'

/** A cluster with an archive, in a folder beside it unless told otherwise. */
export interface BackupBed {
  readonly cluster: Cluster
  readonly folder: string
  readonly repository: BackupRepository
  readonly archiver: Archiver
  readonly lineage: Lineage
  take(): Promise<BackupManifest>
  /** Ends the segment, and waits until the archive has it. @returns the position */
  flush(): Promise<string>
  /** For `restore` into a directory that does not exist yet. */
  restoreOptions(target: RestoreOptions['target'], directory: string): Promise<RestoreOptions>
  stop(): Promise<void>
}

/** @param options.repository another one than a folder beside the cluster */
export async function startBackupBed(
  bed: TestBed,
  name: string,
  options: { readonly repository?: BackupRepository; readonly cluster?: Partial<ClusterOptions> } = {},
): Promise<BackupBed> {
  const cluster = bed.cluster(name, { archiveEvery: '60s', ...options.cluster })
  await cluster.start()
  const paths = clusterPathsOf(join(bed.directory, name))
  const control = await readControlFile(paths.data)
  const lineage = { database: name, systemIdentifier: control!.systemIdentifier }
  const folder = join(bed.directory, `backups of ${name}`)
  const repository = options.repository ?? folderRepository(folder)
  const archiver = createArchiver({ spool: paths.spool, repository, keys: keysOf(lineage), clock: systemClock })
  await archiver.start()
  const untilArchived = (segment: string): Promise<void> => archiver.untilArchived(segment, AbortSignal.timeout(30_000))
  return {
    cluster,
    folder,
    repository,
    archiver,
    lineage,
    take: () =>
      takeBackup({
        lineage,
        url: cluster.adminUrl(),
        dataDirectory: paths.data,
        repository,
        postgresVersion: bed.binaries.version,
        tenfoldVersion: '0.0.0',
        clock: systemClock,
        untilArchived,
      }),
    async flush() {
      const admin = bed.connect(cluster.adminUrl())
      const { rows } = await admin.query<{ lsn: string; segment: string }>(
        `select lsn::text, pg_walfile_name(lsn - 1) as segment from pg_switch_wal() as lsn`,
      )
      await admin.end()
      await untilArchived(rows[0]!.segment)
      return rows[0]!.lsn
    },
    async restoreOptions(target, directory) {
      const record = await readClusterRecord(paths)
      return {
        binaries: bed.binaries,
        subprocesses: bed.subprocesses,
        user: bed.user,
        socketDirectory: bed.socketDirectory,
        clock: systemClock,
        timeoutMs: 60_000,
        repository,
        lineage,
        target,
        directory,
        passwords: { superuser: record!.superuserPassword, owner: record!.servicePassword },
        isThorough: true,
        signal: AbortSignal.timeout(60_000),
      }
    },
    async stop() {
      await cluster.stop()
      await archiver.stop()
    },
  }
}
