import { TenfoldError } from '../core/errors.ts'
import type { DrillScene } from './drill.ts'
import { sceneOf } from './drill.ts'
import type { DrillOptions } from './witnesses.ts'

/**
 * The database that is meant, or the first one that the drill says something about.
 *
 * @throws TF_DRILL_IMPOSSIBLE when there is none, or the system is not well
 */
export async function readyScene(
  { control, database, blueprint }: Pick<DrillOptions, 'control' | 'database' | 'blueprint'>,
  drill: { readonly name: string; obstacle(scene: DrillScene): string | undefined },
): Promise<DrillScene> {
  const system = await control.snapshot()
  if (system.phase !== 'running') {
    throw impossible(
      `expected ${blueprint.name} to be running well, but it is ${system.phase}`,
      'wait, or mend it first',
    )
  }
  const names = database === undefined ? Object.keys(system.databases) : [database]
  const scenes = names.filter((name) => system.databases[name] !== undefined).map((name) => sceneOf(system, name))
  const scene = scenes.find((each) => drill.obstacle(each) === undefined)
  if (scene !== undefined) return scene
  const obstacles = scenes.map((each) => drill.obstacle(each)).join('; ') || `no database ${names.join(', ')} runs`
  throw impossible(
    `expected ${drill.name} to be possible, but ${obstacles}`,
    'docs/operating/drills.md says what each drill needs',
  )
}

function impossible(message: string, hint: string): TenfoldError {
  return new TenfoldError('TF_DRILL_IMPOSSIBLE', message, { hint })
}
