import { pathToFileURL } from 'node:url'
import type { StandardSchema } from '../blueprint/standard-schema.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { BindingsDocument } from './bindings-document.ts'

/** Schemas by topic and by queue; those without one are left out. */
export interface MessageSchemas {
  readonly topics: ReadonlyMap<string, StandardSchema>
  readonly queues: ReadonlyMap<string, StandardSchema>
}

/**
 * The schemas of the topics and queues of a service, from the blueprint as it is in the release of this instance: both ends
 * check what they were released with. Nothing is loaded if there are none.
 *
 * @param file of the blueprint
 * @throws TF_SCHEMA_MISSING
 */
export async function loadMessageSchemas(
  file: string | undefined,
  { publishes, consumes, enqueues, works }: BindingsDocument,
): Promise<MessageSchemas> {
  const topics = checked({ ...publishes, ...consumes })
  const queues = checked({ ...enqueues, ...works })
  const names = [...topics, ...queues]
  if (names.length === 0) return { topics: new Map(), queues: new Map() }
  if (file === undefined) throw missing(names, 'the variable TENFOLD_BLUEPRINT to name the blueprint, got none')
  const blueprint = await load(file, names)
  const schemasOf = (found: readonly string[], of: (name: string) => StandardSchema | undefined) =>
    new Map(
      found.map((name) => {
        const schema = of(name)
        if (schema === undefined) throw missing([name], `${file} to have it`)
        return [name, schema]
      }),
    )
  return {
    topics: schemasOf(topics, (name) => blueprint?.topics?.[name]?.event),
    queues: schemasOf(queues, (name) => blueprint?.queues?.[name]?.item),
  }
}

interface LoadedBlueprint {
  readonly topics?: Readonly<Record<string, { readonly event?: StandardSchema }>>
  readonly queues?: Readonly<Record<string, { readonly item?: StandardSchema }>>
}

function checked(bindings: Readonly<Record<string, { readonly hasSchema: boolean }>>): readonly string[] {
  return Object.entries(bindings).flatMap(([name, { hasSchema }]) => (hasSchema ? [name] : []))
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
    details: { names },
    ...(cause === undefined ? {} : { cause }),
  })
}
