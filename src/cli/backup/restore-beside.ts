import type { RestoredData } from '../../backups/restore.ts'
import { parseTarget } from '../../backups/restore-target.ts'
import type { ResolvedBlueprint, ResolvedDatabase } from '../../blueprint/resolved-blueprint.ts'
import { clusterPathsOf, readClusterRecord } from '../../clusters/cluster-record.ts'
import { systemClock } from '../../core/clock.ts'
import type { CommandInput } from '../command.ts'
import { catalogOf, repositoryOf } from './repository-of.ts'
import { openRestorePlace } from './restore-place.ts'
import { runRestore } from './run-restore.ts'

/**
 * Restores a database beside its data, looks at every row and index, and removes it again. `--from` names another
 * repository than the blueprint does.
 *
 * @param inspect told where the restored data can be read meanwhile
 */
export async function restoreBeside(
  { options, terminal, signal }: CommandInput,
  blueprint: ResolvedBlueprint,
  database: ResolvedDatabase,
  target: string,
  inspect?: (url: string) => Promise<void>,
): Promise<RestoredData> {
  const repository = repositoryOf(blueprint, database, options['from'])
  const place = await openRestorePlace(blueprint, database.name, systemClock)
  try {
    const record = await readClusterRecord(clusterPathsOf(place.clusterDirectory))
    const catalog = await catalogOf(repository, database.name, record?.systemIdentifier)
    const request = {
      place,
      repository,
      catalog,
      target: parseTarget(target),
      timeline: undefined,
      passwords: undefined,
    }
    return await runRestore(
      { ...request, isThorough: true, inspect, terminal, signal, clock: systemClock },
      async (restored) => restored,
    )
  } finally {
    await place.close()
  }
}
