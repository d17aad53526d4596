import type { Catalog } from '../../backups/catalog.ts'
import { readCatalog } from '../../backups/catalog.ts'
import { listLineages } from '../../backups/lineage.ts'
import type { LogHole } from '../../backups/log-path.ts'
import { reachOf } from '../../backups/log-path.ts'
import type { BackupManifest } from '../../backups/manifest.ts'
import { latestTimeline } from '../../backups/restore-plan.ts'
import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import { messageOf } from '../../core/errors.ts'
import { formatSize } from '../../core/size.ts'
import { formatTable } from '../../core/table.ts'
import { formatPosition } from '../../sql/log-position.ts'
import type { CommandInput, ExitCode } from '../command.ts'
import { EXIT } from '../command.ts'
import { repositoryOf } from './repository-of.ts'
import { requireDatabase } from './restore-place.ts'
import { chosenDatabases } from './take-backups.ts'

/** Lists what repositories hold; exit status 1 when something in them can't be read. */
export async function listBackups(
  { terminal, options }: CommandInput,
  blueprint: ResolvedBlueprint,
  names: readonly string[],
): Promise<ExitCode> {
  const catalogs: Catalog[] = []
  for (const name of chosenDatabases(blueprint, names)) {
    const repository = repositoryOf(blueprint, requireDatabase(blueprint, name), options['from'])
    for (const lineage of await listLineages(repository, name)) catalogs.push(await readCatalog(repository, lineage))
  }
  if (options['json'] === true) terminal.out(JSON.stringify(catalogs.map(plain)))
  else terminal.out(catalogs.length === 0 ? 'no backups yet' : catalogs.map(catalogView).join('\n'))
  return catalogs.some(({ damaged }) => damaged.length > 0) ? EXIT.failure : EXIT.success
}

function plain(catalog: Catalog): object {
  const { lineage, backups, damaged, points, wal } = catalog
  return {
    ...lineage,
    backups: backups.map((backup) => {
      const { files, directories: _directories, backupLabel: _label, ...rest } = backup
      const hole = holeAfter(catalog, backup)
      return { ...rest, files: files.length, ...(hole === undefined ? {} : { hole: limitOf(hole) }) }
    }),
    damaged: damaged.map(({ name, reason }) => ({ name, reason: messageOf(reason) })),
    points,
    logFiles: wal.size,
  }
}

function catalogView(catalog: Catalog): string {
  const { lineage, backups, damaged, points, wal } = catalog
  const holes = new Map(backups.map((backup) => [backup, holeAfter(catalog, backup)]))
  const rows = [
    ...backups.map((backup) => {
      const { name, endedEpochMs, sizeBytes, stopLsn, timeline } = backup
      const reach = reachText(holes.get(backup))
      return {
        epochMs: endedEpochMs,
        row: ['backup', name, time(endedEpochMs), formatSize(sizeBytes), stopLsn, `timeline ${timeline}${reach}`],
      }
    }),
    ...points.map(({ name, epochMs, lsn, timeline }) => ({
      epochMs,
      row: ['point', name, time(epochMs), '', lsn, `timeline ${timeline}`],
    })),
  ].toSorted((a, b) => a.epochMs - b.epochMs)
  return [
    `${lineage.database} (${lineage.systemIdentifier}), ${wal.size} files of the log`,
    formatTable([['', 'name', 'ended', 'size', 'position', ''], ...rows.map(({ row }) => row)], '  '),
    ...damaged.map(({ name, reason }) => `  ! ${name}: ${messageOf(reason)}`),
    ...[...new Set([...holes.values()].flatMap((hole) => hole?.segment ?? []))].map(
      (segment) => `  ! a hole in the log: ${segment} is missing`,
    ),
  ].join('\n')
}

function holeAfter(catalog: Catalog, backup: BackupManifest): LogHole | undefined {
  return reachOf(catalog, backup, latestTimeline(catalog)).hole
}

/** Up to where the backup can be restored, in JSON. */
function limitOf({ segment, at, isInBackup }: LogHole): object {
  return { segment, ...(isInBackup ? {} : { reachableLsn: formatPosition(at) }) }
}

function reachText(hole: LogHole | undefined): string {
  if (hole === undefined) return ''
  return hole.isInBackup ? ', its own log is missing' : `, up to ${formatPosition(hole.at)}`
}

function time(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+/, '')
}
