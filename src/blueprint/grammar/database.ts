import { CONNECTIONS_PER_NODE } from '../connection-budget.ts'
import type { Sharding } from '../database.ts'
import type { Place } from '../place.ts'
import type { ReadBackup, ReadRecovery } from './backup.ts'
import { backup, recovery } from './backup.ts'
import { fromEnvironment, resources } from './engine.ts'
import type { ReadResources } from './engine.ts'
import type { Reader } from './reader.ts'
import { anything, list, object, oneOf, oneOrMore } from './reader.ts'
import { sharding } from './sharding.ts'
import { number, text } from './value.ts'
import { checkZones, zone } from './zone.ts'

export interface ReadDatabase {
  readonly url: { readonly env: string | undefined } | undefined
  readonly key: string | undefined
  readonly shards: Sharding | undefined
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

const options = {
  engine: oneOf('postgres'),
  url: fromEnvironment,
  tables: anything,
  key: text('a column name'),
  shards: sharding,
  reference: list('table names', text('a table name')),
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
  checkSharding(given, place)
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

/** A key and shards belong together, and what is in every shard needs shards. */
function checkSharding(given: unknown, place: Place): void {
  if (has(given, 'shards') && !has(given, 'key')) {
    place
      .at('shards')
      .invalid(
        "expected a database with shards to have a 'key', got none",
        "add the column that decides: key: 'user_id'",
      )
  }
  for (const option of ['key', 'reference'] as const) {
    if (!has(given, option) || has(given, 'shards')) continue
    place
      .at(option)
      .invalid(
        `expected a database with '${option}' to have shards, got none`,
        `add shards: { by: 'hash', count: 4 }, or remove '${option}'`,
      )
  }
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
  if (has(given, 'shards')) {
    place
      .at('shards')
      .notImplemented("this version can't spread a database over servers of your own yet", "remove 'url'")
  }
}

function has(given: unknown, option: string): boolean {
  return (given as Readonly<Record<string, unknown>>)[option] !== undefined
}
