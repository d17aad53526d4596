import { pathToFileURL } from 'node:url'
import type { StandardSchema } from '../blueprint/standard-schema.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { TopicBinding } from './bindings-document.ts'

/**
 * The schemas of topics that have one, from the blueprint as it is in the release of this instance: both ends of a topic
 * check what they were released with. Nothing is loaded if there are none.
 *
 * @param file of the blueprint
 * @throws TF_SCHEMA_MISSING
 */
export async function loadEventSchemas(
  file: string | undefined,
  topics: Readonly<Record<string, TopicBinding>>,
): Promise<ReadonlyMap<string, StandardSchema>> {
  const names = Object.keys(topics).filter((name) => topics[name]?.hasSchema === true)
  if (names.length === 0) return new Map()
  if (file === undefined) throw missing(names, 'the variable TENFOLD_BLUEPRINT to name the blueprint, got none')
  const blueprint = await load(file, names)
  return new Map(
    names.map((name) => {
      const schema = blueprint?.topics?.[name]?.event
      if (schema === undefined) throw missing([name], `${file} to have it`)
      return [name, schema]
    }),
  )
}

interface LoadedBlueprint {
  readonly topics?: Readonly<Record<string, { readonly event?: StandardSchema }>>
}

async function load(file: string, names: readonly string[]): Promise<LoadedBlueprint | undefined> {
  try {
    const loaded = (await import(pathToFileURL(file).href)) as { readonly default?: LoadedBlueprint }
    return loaded.default
  } catch (error) {
    throw missing(names, `to load ${file}, got: ${messageOf(error)}`, error)
  }
}

function missing(names: readonly string[], what: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_SCHEMA_MISSING', `for the schema of ${names.join(', ')}: expected ${what}`, {
    hint: 'let the blueprint import only what a service can import, too; or carry the type alone: event: shape<Event>()',
    details: { topics: names },
    ...(cause === undefined ? {} : { cause }),
  })
}
