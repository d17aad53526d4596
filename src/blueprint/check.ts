import { basename, dirname, resolve } from 'node:path'
import { checkFiles, csvColumns } from './blueprint-files.ts'
import { checkLoad } from './check-load.ts'
import { system } from './grammar/system.ts'
import { rootPlace } from './place.ts'
import type { Problem } from './problem.ts'
import { blueprintError } from './problem.ts'
import { checkRelations } from './relations.ts'
import { resolveSystem } from './resolve.ts'
import type { ResolvedBlueprint } from './resolved-blueprint.ts'
import type { Scenario } from './scenario.ts'

/** Where the blueprint came from. */
export interface CheckOptions {
  /** The blueprint's file; the paths in the blueprint start at its directory. */
  file: string
}

/**
 * Checks a whole blueprint and fills every default in. Reads the file system (what the blueprint names has to be there)
 * and nothing else: no variable of the environment, no network.
 *
 * @throws TF_BLUEPRINT_INVALID with every problem in `details.problems`, each `{ path, code, message, hint }`
 * @throws TF_NOT_IMPLEMENTED when nothing is wrong, but this version can't run all of it; same details
 */
export function checkBlueprint(value: unknown, options: CheckOptions): ResolvedBlueprint {
  const file = resolve(options.file)
  const directory = dirname(file)
  const problems: Problem[] = []
  const place = rootPlace(problems)
  const read = system(value, place)
  if (read !== undefined) {
    checkRelations(read, place)
    checkFiles(read, directory, place)
    checkLoad(read, place, (path) => csvColumns(resolve(directory, path)))
  }
  if (read === undefined || problems.length > 0) throw blueprintError(file, problems)
  return resolveSystem(read, scenariosOf(value), { file, directory, configuration: configurationOf(file) })
}

/** `tenfold` for `tenfold.config.ts`. */
export function configurationOf(file: string): string {
  return basename(file).replace(/(?:\.config)?\.[cm]?[jt]s$/, '')
}

/** Scenarios are data already: once checked, they stay as they were written. */
function scenariosOf(value: unknown): readonly Scenario[] {
  return (value as { readonly load?: { readonly scenarios: readonly Scenario[] } }).load?.scenarios ?? []
}
