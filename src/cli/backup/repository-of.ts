import { resolve } from 'node:path'
import { readCatalog } from '../../backups/catalog.ts'
import type { Catalog } from '../../backups/catalog.ts'
import { listLineages } from '../../backups/lineage.ts'
import { openRepository } from '../../backups/open-repository.ts'
import type { BackupRepository } from '../../backups/repository.ts'
import { folderRepository } from '../../backups/repositories/folder.ts'
import type { ResolvedDatabase } from '../../blueprint/resolved-blueprint.ts'
import { TenfoldError } from '../../core/errors.ts'

/** The repository of a database's backups: the folder that was named, or what the blueprint says. @throws TF_USAGE */
export function repositoryOf({ name, backup }: ResolvedDatabase, from: string | boolean | undefined): BackupRepository {
  if (typeof from === 'string') return folderRepository(resolve(from))
  if (backup !== undefined) return openRepository(backup.to)
  throw new TenfoldError('TF_USAGE', `expected the blueprint to have backups of ${name}, got none`, {
    hint: `name a folder that has some: --from FOLDER; or write databases: { ${name}: { backup: { to: '/mnt/backups' } } }`,
  })
}

/**
 * What a repository holds of a database: of the data that is there now, or, where it has nothing of that, of the data
 * that was backed up last.
 *
 * @throws TF_RESTORE_TARGET_UNREACHABLE when there is nothing
 */
export async function catalogOf(
  repository: BackupRepository,
  database: string,
  systemIdentifier: string | undefined,
): Promise<Catalog> {
  const catalogs: Catalog[] = []
  for (const lineage of await listLineages(repository, database)) {
    const catalog = await readCatalog(repository, lineage)
    if (lineage.systemIdentifier === systemIdentifier && catalog.backups.length > 0) return catalog
    catalogs.push(catalog)
  }
  const newest = catalogs.toSorted((a, b) => endOf(b) - endOf(a))[0]
  if (newest !== undefined) return newest
  throw new TenfoldError(
    'TF_RESTORE_TARGET_UNREACHABLE',
    `expected backups of ${database} in ${repository.where}, got none`,
    { hint: 'take one with "tenfold backup", or name another folder with --from' },
  )
}

function endOf({ backups }: Catalog): number {
  return backups.at(-1)?.endedEpochMs ?? 0
}
