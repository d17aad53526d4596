import { CONNECTIONS_PER_NODE } from '../connection-budget.ts'
import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { ReadBackup, ReadRecovery } from './backup.ts'
import { backup, recovery } from './backup.ts'
import { fromEnvironment, resources } from './engine.ts'
import type { ReadResources } from './engine.ts'
import type { Reader } from './reader.ts'
import { anything, later, list, object, oneOf, oneOrMore, record } from './reader.ts'
import { number, text } from './value.ts'
import { checkZones, zone } from './zone.ts'

export interface ReadDatabase {
  readonly url: { readonly env: string | undefined } | undefined
  readonly key: string | undefined
  readonly shards: unknown
  readonly reference: readonly string[] | undefined
  readonly standby: 'synchronous' | 'asynchronous' | undefined
  readonly durability: 'preferred' | 'required' | undefined
  readonly replicas: number | undefined
  readonly zones: readonly string[] | undefined
  readonly backup: ReadBackup | undefined
  readonly recovery: ReadRecovery | undefined
  readonly migrations: readonly string[] | undefined
  readonly seed: readonly string[] | undefined
  readonly connections: number | undefined
  readonly resources: ReadResources | undefined
}

const SHARDS_MAX = 1024
const count = number({ min: 1, max: SHARDS_MAX, isInteger: true })

const options = {
  engine: oneOf('postgres'),
  url: fromEnvironment,
  tables: anything,
  key: later(text('a column name'), 'a database with a shard key'),
  shards: later(sharding, 'a database on several shards'),
  reference: later(list('table names', text('a table name')), 'reference tables'),
  standby: oneOf('synchronous', 'asynchronous'),
  durability: oneOf('preferred', 'required'),
  replicas: number({ min: 0, max: 16, isInteger: true }),
  zones: list('zones', zone),
  backup,
  recovery,
  migrations: oneOrMore('directories', text('a directory')),
  seed: oneOrMore('modules', text('a module')),
  connections: number({ min: 1, max: CONNECTIONS_PER_NODE, isInteger: true }),
  resources,
}

/** A database and what can be seen from it alone. */
export const database: Reader<ReadDatabase> = (given, place) => {
  const read = object({ what: 'a database', options })(given, place)
  if (read === undefined) return undefined
  if (read.shards !== undefined && read.key === undefined && !has(given, 'key')) {
    place
      .at('shards')
      .invalid(
        "expected a database with shards to have a 'key', got none",
        "add the column that decides: key: 'user_id'",
      )
  }
  if (read.url !== undefined) checkServer(given, place)
  if (read.durability !== undefined && read.standby !== 'synchronous' && read.url === undefined) {
    place
      .at('durability')
      .invalid(
        "expected a database with 'durability' to have a synchronous standby, got none",
        "add standby: 'synchronous', or remove 'durability'",
      )
  }
  checkZones(read.zones, place)
  return read
}

/** A server that already runs is used as it is. */
function checkServer(given: unknown, place: Place): void {
  for (const option of ['resources', 'standby', 'durability', 'replicas', 'zones', 'backup'] as const) {
    if (!has(given, option)) continue
    place
      .at(option)
      .invalid(
        `expected a database with 'url' to have no '${option}', since its server is not ours to change`,
        `remove '${option}' or 'url'`,
      )
  }
}

function has(given: unknown, option: string): boolean {
  return (given as Readonly<Record<string, unknown>>)[option] !== undefined
}

const keyValue: Reader<string | number> = (given, place) =>
  typeof given === 'string' || typeof given === 'number'
    ? given
    : place.invalid(
        `expected a key, text or a number, got ${describeValue(given)}`,
        'write the value of the key column',
      )

const by = oneOf('hash', 'modulo', 'range', 'list')
const what = 'sharding'
const forms = {
  hash: object({
    what: `${what} by hash`,
    options: { by, count, buckets: number({ min: 1, max: 65_536, isInteger: true }) },
    required: ['count'],
  }),
  modulo: object({ what: `${what} by modulo`, options: { by, count }, required: ['count'] }),
  range: object({
    what: `${what} by range`,
    options: { by, bounds: list('bounds', keyValue, { min: 1 }) },
    required: ['bounds'],
  }),
  list: object({
    what: `${what} by list`,
    options: { by, lists: record('lists of keys', list('keys', keyValue)), otherwise: text('the name of a list') },
    required: ['lists'],
  }),
}

function sharding(given: unknown, place: Place): unknown {
  const kind = typeof given === 'object' && given !== null && 'by' in given ? given.by : undefined
  if (typeof given !== 'object' || given === null) {
    return place.invalid(`expected shards as { by, … }, got ${describeValue(given)}`, "write { by: 'hash', count: 4 }")
  }
  const form = by(kind, place.at('by'))
  if (form === undefined) return undefined
  if (form === 'hash') return checkBuckets(forms.hash(given, place), place)
  if (form === 'range') return checkBounds(forms.range(given, place), place)
  if (form === 'list') return checkLists(forms.list(given, place), place)
  return forms.modulo(given, place)
}

function checkBuckets(read: ReturnType<typeof forms.hash>, place: Place): unknown {
  const { count: shards = 1, buckets = 1024 } = read ?? {}
  if (!Number.isInteger(Math.log2(buckets))) {
    place
      .at('buckets')
      .invalid(`expected a power of two, got ${buckets}`, `write ${2 ** Math.round(Math.log2(buckets))}`)
  } else if (buckets < shards) {
    place
      .at('buckets')
      .invalid(`expected ${shards} or more, one for each shard, got ${buckets}`, 'leave it out for 1024')
  }
  return read
}

function checkBounds(read: ReturnType<typeof forms.range>, place: Place): unknown {
  const bounds = read?.bounds ?? []
  for (const [index, bound] of bounds.entries()) {
    const before = bounds[index - 1]
    if (before === undefined || (typeof before === typeof bound && before < bound)) continue
    place
      .at('bounds')
      .at(index)
      .invalid(
        `expected more than the bound before it, ${describeValue(before)}, got ${describeValue(bound)}`,
        'order the bounds, each once',
      )
  }
  return read
}

function checkLists(read: ReturnType<typeof forms.list>, place: Place): unknown {
  const lists = read?.lists ?? new Map<string, readonly (string | number)[] | undefined>()
  const seen = new Map<string | number, string>()
  for (const [name, keys] of lists) {
    for (const [index, key] of keys?.entries() ?? []) {
      const other = seen.get(key)
      if (other === undefined) seen.set(key, name)
      else
        place
          .at('lists')
          .at(name)
          .at(index)
          .invalid(`expected each key in one list, got ${describeValue(key)} also in '${other}'`, 'remove one of them')
    }
  }
  if (read?.otherwise !== undefined && !lists.has(read.otherwise)) {
    place
      .at('otherwise')
      .invalid(`expected the name of a list, got '${read.otherwise}'`, `use one of ${[...lists.keys()].join(', ')}`)
  }
  return read
}
