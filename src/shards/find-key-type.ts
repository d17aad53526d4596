import { TenfoldError } from '../core/errors.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import type { KeyType } from './key-type.ts'
import type { ShardDatabase } from './shard-layout.ts'

/** Types of columns that can hold a shard key. */
const KEY_TYPES: Readonly<Record<string, KeyType>> = {
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  text: 'text',
  varchar: 'text',
  uuid: 'uuid',
}

/**
 * What kind of key the tables of a shard have in their column. The blueprint knows only its name, since types of TypeScript
 * are gone when it runs.
 *
 * @throws TF_SHARD_TABLE_INVALID no table has the column, its type can't be hashed alike here and there, or tables differ
 */
export async function findKeyType(database: Pick<ShardDatabase, 'query'>, column: string): Promise<KeyType> {
  const { rows } = await database.query<KeyColumn>(COLUMNS, [column])
  const [first] = rows
  const quoted = quoteIdentifier(column)
  if (first === undefined) {
    throw invalid(`a table with the shard key ${quoted}`, 'none', 'make it in a migration, or correct "key"')
  }
  for (const { table, type, is_deterministic } of rows) {
    if (KEY_TYPES[type] === undefined || !is_deterministic) {
      const got = is_deterministic ? type : `${type} of a collation for which different texts are equal`
      throw invalid(
        `the shard key ${quoted} of ${table} to be a whole number, text or a uuid`,
        got,
        'change the type of the column',
      )
    }
    if (KEY_TYPES[type] === KEY_TYPES[first.type]) continue
    const kinds = `${first.type} in ${first.table}, and ${type} in ${table}`
    throw invalid(`the shard key ${quoted} to be of one kind in all tables`, kinds, 'give it one type')
  }
  return KEY_TYPES[first.type] as KeyType
}

interface KeyColumn {
  readonly table: string
  readonly type: string
  readonly is_deterministic: boolean
}

/** Partitions have the columns of the whole. */
const COLUMNS = `
  select format('%I.%I', namespace.nspname, class.relname) as "table", type.typname as type,
    coalesce("collation".collisdeterministic, true) as is_deterministic
  from pg_attribute attribute
  join pg_class class on class.oid = attribute.attrelid
  join pg_namespace namespace on namespace.oid = class.relnamespace
  join pg_type type on type.oid = attribute.atttypid
  left join pg_collation "collation" on "collation".oid = attribute.attcollation
  where attribute.attname = $1 and not attribute.attisdropped and class.relkind in ('r', 'p') and not class.relispartition
    and class.relpersistence <> 't' and namespace.nspname !~ '^(pg_|information_schema$|tenfold)'
  order by 1`

function invalid(expected: string, got: string, hint: string): TenfoldError {
  return new TenfoldError('TF_SHARD_TABLE_INVALID', `expected ${expected}, got ${got}`, { hint })
}
