import { join } from 'node:path'
import type { ResolvedCluster } from '../blueprint/clusters-of.ts'
import type { DatabaseBackups } from '../backups/database-backups.ts'
import { createDatabaseBackups } from '../backups/database-backups.ts'
import { openRepository } from '../backups/open-repository.ts'
import { clusterPathsOf } from '../clusters/cluster-record.ts'
import type { Cluster } from '../clusters/cluster-state.ts'
import { readControlFile } from '../clusters/control-file.ts'
import type { BackupStatus } from '../control/backup-status.ts'
import { packageVersion } from '../core/package-version.ts'
import type { PartsContext } from './parts-context.ts'
import { keepFrame } from './parts-context.ts'

/** What makes the backups of a database, once its cluster is there; undefined where none are taken. */
export function backupsOf(
  context: PartsContext,
  { name, engine, backup }: ResolvedCluster,
): ((cluster: Cluster, onStatus: (status: BackupStatus) => void) => DatabaseBackups) | undefined {
  if (engine.kind !== 'embedded' || backup === undefined) return undefined
  const { state, clock } = context
  const paths = clusterPathsOf(join(state.dataDirectory, name))
  return (cluster, onStatus) =>
    createDatabaseBackups({
      settings: backup,
      repository: openRepository(backup.to, { clock, secrets: context.secrets.read }),
      async lineage() {
        const control = await readControlFile(clusterPathsOf(paths.directory, primaryOf(cluster)).data)
        if (control === undefined) throw new Error(`expected ${paths.data} to have a control file`)
        return { database: name, systemIdentifier: control.systemIdentifier }
      },
      spool: paths.spool,
      dataDirectory: () => clusterPathsOf(paths.directory, primaryOf(cluster)).data,
      url: () => cluster.adminUrl(),
      postgresVersion: cluster.version ?? 'unknown',
      tenfoldVersion: packageVersion(),
      clock,
      onStatus,
      onLag: (lagMs) =>
        keepFrame(context, {
          atEpochMs: clock.epochMs(),
          source: `backups/${name}`,
          samples: [{ name: 'tenfold.backup.lag', labels: { database: name }, value: lagMs / 1_000 }],
        }),
      onProblem(problem) {
        const about = `backups of ${name}`
        if (problem === undefined)
          context.notice({ level: 'info', about, message: `backups of ${name} are well again` })
        else
          context.notice({
            level: 'error',
            about,
            message: `backups of ${name}: ${problem}`,
            hint: 'see docs/operating/backups.md',
          })
      },
    })
}

/** Its number; the first one until there is another. */
function primaryOf({ nodes }: Cluster): number {
  return nodes.find(({ role }) => role === 'primary')?.id ?? 1
}
