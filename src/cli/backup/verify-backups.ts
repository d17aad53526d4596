import { clusters } from '../../blueprint/clusters-of.ts'
import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import type { CommandInput, ExitCode } from '../command.ts'
import { EXIT } from '../command.ts'
import { restoreBeside } from './restore-beside.ts'
import { requireDatabase } from './restore-place.ts'
import type { RestoreReport } from './run-restore.ts'
import { reportOf, reportView } from './run-restore.ts'
import { chosenDatabases } from './take-backups.ts'

/** Restores beside the data what was named, or the latest of each database, looks at all of it, and removes it. */
export async function verifyBackups(
  input: CommandInput,
  blueprint: ResolvedBlueprint,
  names: readonly string[],
): Promise<ExitCode> {
  const { terminal, options } = input
  const isDatabase = (name: string): boolean =>
    Object.hasOwn(blueprint.databases, name) || Object.hasOwn(clusters(blueprint), name)
  const chosen = names.filter(isDatabase)
  const target = names.find((name) => !isDatabase(name)) ?? 'latest'
  const reports: RestoreReport[] = []
  for (const name of chosenDatabases(blueprint, chosen)) {
    const restored = await restoreBeside(input, blueprint, requireDatabase(blueprint, name), target)
    const report = reportOf(name, restored)
    reports.push(report)
    if (options['json'] !== true) terminal.out(`${name} can be restored to ${target}\n${reportView(report)}`)
  }
  if (options['json'] === true) terminal.out(JSON.stringify(reports))
  return EXIT.success
}
