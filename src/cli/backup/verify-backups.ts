import { parseTarget } from '../../backups/restore-target.ts'
import type { ResolvedBlueprint, ResolvedDatabase } from '../../blueprint/resolved-blueprint.ts'
import { clusterPathsOf, readClusterRecord } from '../../clusters/cluster-record.ts'
import { systemClock } from '../../core/clock.ts'
import type { CommandInput, ExitCode } from '../command.ts'
import { EXIT } from '../command.ts'
import { catalogOf, repositoryOf } from './repository-of.ts'
import { openRestorePlace, requireDatabase } from './restore-place.ts'
import type { RestoreReport } from './run-restore.ts'
import { reportOf, reportView, runRestore } from './run-restore.ts'
import { databasesWithBackups } from './take-backups.ts'

/** Restores beside the data what was named, or the latest of each database, looks at all of it, and removes it. */
export async function verifyBackups(
  input: CommandInput,
  blueprint: ResolvedBlueprint,
  names: readonly string[],
): Promise<ExitCode> {
  const { terminal, options } = input
  const isDatabase = (name: string): boolean => Object.hasOwn(blueprint.databases, name)
  const chosen = names.filter(isDatabase)
  const target = names.find((name) => !isDatabase(name)) ?? 'latest'
  const reports: RestoreReport[] = []
  for (const name of chosen.length > 0 ? chosen : databasesWithBackups(blueprint)) {
    const report = await verify(input, blueprint, requireDatabase(blueprint, name), target)
    reports.push(report)
    if (options['json'] !== true) terminal.out(`${name} can be restored to ${target}\n${reportView(report)}`)
  }
  if (options['json'] === true) terminal.out(JSON.stringify(reports))
  return EXIT.success
}

async function verify(
  { terminal, options, signal }: CommandInput,
  blueprint: ResolvedBlueprint,
  database: ResolvedDatabase,
  target: string,
): Promise<RestoreReport> {
  const repository = repositoryOf(database, options['from'])
  const place = await openRestorePlace(blueprint, database.name, systemClock)
  try {
    const record = await readClusterRecord(clusterPathsOf(place.clusterDirectory))
    const catalog = await catalogOf(repository, database.name, record?.systemIdentifier)
    return await runRestore(
      {
        place,
        repository,
        catalog,
        target: parseTarget(target),
        timeline: undefined,
        passwords: undefined,
        isThorough: true,
        terminal,
        signal,
        clock: systemClock,
      },
      async (restored) => reportOf(database.name, restored),
    )
  } finally {
    await place.close()
  }
}
