import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import { fromEnvironment } from './engine.ts'
import type { Reader } from './reader.ts'
import { object, oneOf } from './reader.ts'
import { withAddress } from './store.ts'
import { longDurationMs, number, text } from './value.ts'

export interface ReadTopic {
  readonly engine: 'postgres' | 'kafka' | 'rabbitmq' | undefined
  readonly event: { readonly hasSchema: boolean } | undefined
  readonly key: string | undefined
  readonly partitions: number | undefined
  readonly retention: number | undefined
  readonly database: string | undefined
}

const options = {
  engine: oneOf('postgres', 'kafka', 'rabbitmq'),
  url: fromEnvironment,
  event,
  key: text('a field of the event'),
  partitions: number({ min: 1, max: 1024, isInteger: true }),
  retention,
  database: text('the name of a database'),
}

/** A topic and what can be seen from it alone. */
export const topic: Reader<ReadTopic> = (given, place) => {
  const read = object({ what: 'a topic', options, required: ['key', 'partitions'] })(given, place)
  if (read === undefined) return undefined
  const { engine } = read
  if (engine === undefined || engine === 'postgres') {
    if (read.url !== undefined) {
      place
        .at('url')
        .invalid(
          "expected a topic in PostgreSQL to name a 'database' of the blueprint, got 'url'",
          "give the 'url' to the database, and name it here: database: 'events'",
        )
    }
    return read
  }
  withAddress(read, place)
  place.at('engine').notImplemented(`this version can't run topics on ${engine} yet`, "remove 'engine' and 'url'")
  return read
}

/** Longer than an inbox remembers, an event that is read again would have its effects again. */
const RETENTION_MAX_MS = 7 * 86_400_000
const RETENTION_MIN_MS = 60_000

function retention(given: unknown, place: Place): number | undefined {
  const ms = longDurationMs(given, place)
  if (ms === undefined || (ms >= RETENTION_MIN_MS && ms <= RETENTION_MAX_MS)) return ms
  return place.invalid(`expected a duration from 1m to 7d, got ${describeValue(given)}`, "write '7d', or less")
}

/** A Standard Schema is an object, or a function, with a property of this name; a shape is an object with nothing in it. */
function event(given: unknown, place: Place): ReadTopic['event'] {
  if ((typeof given === 'object' && given !== null) || typeof given === 'function') {
    const schema: unknown = Reflect.get(given, '~standard')
    if (isStandard(schema)) return { hasSchema: true }
    if (schema === undefined && typeof given === 'object' && Object.keys(given).length === 0) {
      return { hasSchema: false }
    }
  }
  return place.invalid(
    `expected a Standard Schema of version 1, or shape<Event>(), got ${describeValue(given)}`,
    'write the schema itself, such as z.object({ … })',
  )
}

function isStandard(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return 'version' in value && value.version === 1 && 'validate' in value && typeof value.validate === 'function'
}
