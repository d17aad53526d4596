import { resolve } from 'node:path'
import type { ReadSecrets } from '../../backups/bucket/bucket-keys.ts'
import { readCatalog } from '../../backups/catalog.ts'
import type { Catalog } from '../../backups/catalog.ts'
import { listLineages } from '../../backups/lineage.ts'
import { openRepository } from '../../backups/open-repository.ts'
import type { BackupRepository } from '../../backups/repository.ts'
import { folderRepository } from '../../backups/repositories/folder.ts'
import { readBucketPlace } from '../../blueprint/bucket-place.ts'
import type { ResolvedBlueprint, ResolvedDatabase } from '../../blueprint/resolved-blueprint.ts'
import { systemClock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import { createSecrets } from '../../fleet/secrets.ts'

/** The repository of a database's backups: what was named, or what the blueprint says. @throws TF_USAGE */
export function repositoryOf(
  { secretsFile }: Pick<ResolvedBlueprint, 'secretsFile'>,
  { name, backup }: ResolvedDatabase,
  from: string | boolean | undefined,
): BackupRepository {
  const { read } = createSecrets(process.env, () => secretsFile)
  if (typeof from === 'string') return repositoryAt(from, read)
  if (backup !== undefined) return openRepository(backup.to, { clock: systemClock, secrets: read })
  throw new TenfoldError('TF_USAGE', `expected the blueprint to have backups of ${name}, got none`, {
    hint: `name a folder or bucket that has some: --from FOLDER; or write databases: { ${name}: { backup: { to: '/mnt/backups' } } }`,
  })
}

/**
 * The repository at a folder, or at a bucket (`s3://name/prefix`) whose region and store are named as everywhere: by
 * `AWS_REGION`, and `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`.
 */
export function repositoryAt(
  place: string,
  secrets: ReadSecrets = async () => process.env,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): BackupRepository {
  if (!place.startsWith('s3://')) return folderRepository(resolve(place))
  const bucket = {
    bucket: place,
    region: environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'],
    endpoint: environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'],
  }
  return openRepository(readBucketPlace(bucket), { clock: systemClock, secrets })
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
