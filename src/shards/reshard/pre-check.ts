import { TenfoldError } from '../../core/errors.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import type { MovedTable } from './moved-tables.ts'

/** Slots and workers that one move takes: its stream, two copies at a time, and the way back. */
const SLOTS = 4

/** What stands in the way of a move, and what is to be known. */
export interface Findings {
  readonly obstacles: readonly string[]
  readonly warnings: readonly string[]
}

/** Looks at the servers of both shards, before anything is done. */
export async function checkServers(from: ShardDatabase, to: ShardDatabase): Promise<readonly string[]> {
  const found = await Promise.all([serverFindings(from, 'source'), serverFindings(to, 'target')])
  return found.flat()
}

/** Pure: looks at the tables of both shards. */
export function checkTables(from: readonly MovedTable[], to: readonly MovedTable[]): Findings {
  return {
    obstacles: [
      ...from.flatMap(({ name, obstacles }) => obstacles.map((obstacle) => `${name}: ${obstacle}`)),
      ...unequalTables(from, to),
    ],
    warnings: from.flatMap(({ name, warnings }) => warnings.map((warning) => `${name}: ${warning}`)),
  }
}

/** @throws TF_MOVE_IMPOSSIBLE */
export function expectPossible(obstacles: readonly string[]): void {
  if (obstacles.length === 0) return
  throw new TenfoldError(
    'TF_MOVE_IMPOSSIBLE',
    `expected tables and servers that buckets can be moved with, but ${obstacles.join('; ')}`,
    {
      hint: 'change what is named, then continue the move',
      details: { obstacles },
    },
  )
}

/** Pure: how the tables of both shards differ. */
export function unequalTables(from: readonly MovedTable[], to: readonly MovedTable[]): readonly string[] {
  const theirs = new Map(to.map((table) => [table.name, table]))
  const missing = from.filter(({ name }) => !theirs.has(name)).map(({ name }) => `${name}: it is not on the target`)
  const known = new Set(from.map(({ name }) => name))
  const more = to.filter(({ name }) => !known.has(name)).map(({ name }) => `${name}: it is not on the source`)
  const other = from.filter((table) => {
    const their = theirs.get(table.name)
    return their !== undefined && shape(table) !== shape(their)
  })
  return [
    ...missing,
    ...more,
    ...other.map(({ name }) => `${name}: its columns or its primary key differ on the target`),
  ]
}

/** Replication goes by the names of columns, whatever order they are in. */
function shape({ columns, key }: MovedTable): string {
  const plain = columns.map(({ name, type }) => `${name} ${type}`).toSorted()
  return JSON.stringify([plain, key])
}

interface ServerRow {
  readonly wal_level: string
  readonly slots_free: number
  readonly senders_free: number
  readonly workers_free: number
  readonly is_superuser: boolean
}

async function serverFindings(database: ShardDatabase, side: string): Promise<readonly string[]> {
  const { rows } = await database.query<ServerRow>(`
    select current_setting('wal_level') as wal_level, current_setting('is_superuser') = 'on' as is_superuser,
      current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots)::int as slots_free,
      current_setting('max_wal_senders')::int - (select count(*) from pg_stat_replication)::int as senders_free,
      current_setting('max_logical_replication_workers')::int
        - (select count(*) from pg_stat_subscription where pid is not null)::int as workers_free`)
  const { wal_level, slots_free, senders_free, workers_free, is_superuser } = rows[0] as ServerRow
  const found: string[] = []
  if (!is_superuser) found.push(`the ${side} has to be reached as a superuser`)
  if (wal_level !== 'logical') found.push(`wal_level of the ${side} is ${wal_level}, not logical`)
  if (slots_free < SLOTS)
    found.push(`the ${side} has ${slots_free} free replication slots (max_replication_slots), and ${SLOTS} are needed`)
  if (senders_free < SLOTS)
    found.push(`the ${side} has ${senders_free} free senders (max_wal_senders), and ${SLOTS} are needed`)
  if (workers_free < 2) {
    found.push(`the ${side} has ${workers_free} free workers (max_logical_replication_workers), and 2 are needed`)
  }
  return found
}
