import type { Catalog } from '../../backups/catalog.ts'
import { readCatalog } from '../../backups/catalog.ts'
import { listLineages } from '../../backups/lineage.ts'
import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import { messageOf } from '../../core/errors.ts'
import { formatSize } from '../../core/size.ts'
import { formatTable } from '../../core/table.ts'
import type { CommandInput, ExitCode } from '../command.ts'
import { EXIT } from '../command.ts'
import { repositoryOf } from './repository-of.ts'
import { requireDatabase } from './restore-place.ts'
import { databasesWithBackups } from './take-backups.ts'

/** Lists what repositories hold; exit status 1 when something in them can't be read. */
export async function listBackups(
  { terminal, options }: CommandInput,
  blueprint: ResolvedBlueprint,
  names: readonly string[],
): Promise<ExitCode> {
  const catalogs: Catalog[] = []
  for (const name of names.length > 0 ? names : databasesWithBackups(blueprint)) {
    const repository = repositoryOf(blueprint, requireDatabase(blueprint, name), options['from'])
    for (const lineage of await listLineages(repository, name)) catalogs.push(await readCatalog(repository, lineage))
  }
  if (options['json'] === true) terminal.out(JSON.stringify(catalogs.map(plain)))
  else terminal.out(catalogs.length === 0 ? 'no backups yet' : catalogs.map(catalogView).join('\n'))
  return catalogs.some(({ damaged }) => damaged.length > 0) ? EXIT.failure : EXIT.success
}

function plain({ lineage, backups, damaged, points, wal }: Catalog): object {
  return {
    ...lineage,
    backups: backups.map(({ files, directories: _directories, backupLabel: _label, ...rest }) => ({
      ...rest,
      files: files.length,
    })),
    damaged: damaged.map(({ name, reason }) => ({ name, reason: messageOf(reason) })),
    points,
    logFiles: wal.size,
  }
}

function catalogView({ lineage, backups, damaged, points, wal }: Catalog): string {
  const rows = [
    ...backups.map(({ name, endedEpochMs, sizeBytes, stopLsn, timeline }) => ({
      epochMs: endedEpochMs,
      row: ['backup', name, time(endedEpochMs), formatSize(sizeBytes), stopLsn, `timeline ${timeline}`],
    })),
    ...points.map(({ name, epochMs, lsn, timeline }) => ({
      epochMs,
      row: ['point', name, time(epochMs), '', lsn, `timeline ${timeline}`],
    })),
  ].toSorted((a, b) => a.epochMs - b.epochMs)
  return [
    `${lineage.database} (${lineage.systemIdentifier}), ${wal.size} files of the log`,
    formatTable([['', 'name', 'ended', 'size', 'position', ''], ...rows.map(({ row }) => row)], '  '),
    ...damaged.map(({ name, reason }) => `  ! ${name}: ${messageOf(reason)}`),
  ].join('\n')
}

function time(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+/, '')
}
