import { basename } from 'node:path'
import type { BlueprintChange, ChangeEffect } from '../blueprint/diff.ts'
import { diffBlueprints } from '../blueprint/diff.ts'
import type { ResolvedBlueprint, ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { kindOfService } from '../blueprint/service-kind.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { Release } from '../fleet/release.ts'
import type { Revision } from '../fleet/revision.ts'
import type { FilesByService } from './system-code.ts'

/** An edited system, loaded and checked, of which nothing has been carried out. */
export interface ApplyPlan {
  readonly id: string
  readonly blueprint: ResolvedBlueprint
  readonly release: Release
  readonly files: FilesByService
  /** Services that get a release of their own. @default none */
  readonly releases?: Readonly<Record<string, Release>>
}

/** What the parts know that a blueprint does not say. */
export interface Observed {
  readonly blueprint: ResolvedBlueprint
  revisionOf(service: string): Revision | undefined
  /** Files that are still to be applied to a database that runs. Throws as `pendingMigrations`. */
  pendingMigrations(database: string, directories: readonly string[]): Promise<readonly string[]>
}

/** Everything that a plan changes, in the order of the blueprint, sources last. */
export async function changesOf(plan: ApplyPlan, observed: Observed): Promise<readonly BlueprintChange[]> {
  const before = observed.blueprint
  const { blueprint, release } = plan
  const changes = [...diffBlueprints(before, blueprint)]
  for (const { name, migrations } of Object.values(blueprint.databases)) {
    if (before.databases[name] !== undefined) changes.push(...(await migrationChanges(name, migrations, observed)))
  }
  const staying = Object.keys(blueprint.services).filter((name) => before.services[name] !== undefined)
  const news = staying.filter((name) => observed.revisionOf(name)?.release.id !== releaseOf(plan, name).id)
  for (const name of news.filter((each) => plan.files[each] !== undefined)) {
    const meaning = `release ${releaseOf(plan, name).id.slice(0, 8)} is served from now on`
    changes.push({ path: `services.${name}.files`, kind: 'changed', effect: 'live', meaning })
  }
  const outdated = news.filter((name) => plan.files[name] === undefined)
  if (outdated.length > 0) {
    changes.push({
      path: 'sources',
      kind: 'changed',
      effect: 'rollout',
      meaning: `release ${release.id.slice(0, 8)}: the instances of ${outdated.join(', ')} are replaced`,
    })
  }
  return changes
}

/**
 * The services that get another revision, in the order of the blueprint. Pure.
 *
 * @param only those for whom changed sources count; undefined: all
 */
export function replacedServices(
  changes: readonly BlueprintChange[],
  plan: ApplyPlan,
  { blueprint: before, revisionOf }: Pick<Observed, 'blueprint' | 'revisionOf'>,
  only?: ReadonlySet<string>,
): readonly string[] {
  const isRolled = (service: ResolvedService): boolean => {
    const { name } = service
    // What has no instances has nothing that could go on with the former revision.
    const isEffective = (effect: ChangeEffect): boolean => effect === 'rollout' || kindOfService(service) !== 'server'
    return (
      changes.some(({ path, effect }) => isEffective(effect) && path.startsWith(`services.${name}.`)) ||
      (only?.has(name) !== false && revisionOf(name)?.release.id !== releaseOf(plan, name).id)
    )
  }
  return Object.values(plan.blueprint.services)
    .filter((service) => before.services[service.name] !== undefined && isRolled(service))
    .map(({ name }) => name)
}

/** What a service runs or serves by a plan. */
export function releaseOf(
  { release, files, releases }: Pick<ApplyPlan, 'release' | 'files' | 'releases'>,
  service: string,
): Release {
  return files[service] ?? releases?.[service] ?? release
}

/** @throws TF_APPLY_REFUSED with everything that can't be applied, and what to run instead */
export function refuseIfNeeded(changes: readonly BlueprintChange[]): void {
  const refused = changes.filter(({ effect }) => effect === 'refused')
  if (refused.length === 0) return
  const lines = refused.map(({ path, meaning, command }) =>
    [`  ${path}: ${meaning}`, ...(command === undefined ? [] : [`    → ${command}`])].join('\n'),
  )
  throw new TenfoldError(
    'TF_APPLY_REFUSED',
    ['expected changes that a running system can take over with all its data, got', ...lines].join('\n'),
    {
      hint: 'nothing was changed: undo these in the blueprint, or run the commands',
      details: { changes: refused },
    },
  )
}

async function migrationChanges(
  database: string,
  directories: readonly string[],
  observed: Observed,
): Promise<readonly BlueprintChange[]> {
  const path = `databases.${database}.migrations`
  try {
    const files = await observed.pendingMigrations(database, directories)
    return files.map((file) => ({
      path: `${path}/${basename(file)}`,
      kind: 'added',
      effect: 'live',
      meaning: 'is applied before services change',
    }))
  } catch (error) {
    const hint = error instanceof TenfoldError && error.hint !== undefined ? `; ${error.hint}` : ''
    return [{ path, kind: 'changed', effect: 'refused', meaning: `${messageOf(error)}${hint}` }]
  }
}
