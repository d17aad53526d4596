import { canonicalKey } from './key-type.ts'
import type { KeyType, KeyValue } from './key-type.ts'
import type { Partitioning } from './shard-map.ts'

const HASH: Readonly<Record<KeyType, string>> = {
  integer: 'hashint8extended',
  text: 'hashtextextended',
  uuid: 'uuid_hash_extended',
}

/**
 * The bucket of a column's value as SQL, equal to `bucketOf`. Made of immutable built-in functions and no casts between
 * types that are no functions, so that it can stand in the row filter of a publication. NULL where the key is in no list.
 *
 * @param column quoted, as in `"user_id"`
 */
export function bucketExpression(partitioning: Partitioning, column: string): string {
  const { by, keyType } = partitioning
  switch (by) {
    case 'hash':
      return `(${HASH[keyType]}(${column}, 0) & ${partitioning.buckets - 1})`
    case 'modulo': {
      const { buckets } = partitioning
      return `mod(mod(${column}, ${buckets}) + ${buckets}, ${buckets})`
    }
    case 'range': {
      const { bounds, buckets } = partitioning
      const compared = keyType === 'text' ? `${column} collate "C"` : column
      const cases = bounds.map((bound, index) => `when ${compared} < ${literal(keyType, bound)} then ${buckets[index]}`)
      return `(case ${cases.join(' ')} else ${buckets[bounds.length]} end)`
    }
    case 'list': {
      const cases = [...partitioning.buckets].map(([key, bucket]) => `when ${literal(keyType, key)} then ${bucket}`)
      const rest = partitioning.otherwise ?? 'null'
      return cases.length === 0 ? `(${rest})` : `(case ${column} ${cases.join(' ')} else ${rest} end)`
    }
  }
}

function literal(type: KeyType, key: KeyValue): string {
  const canonical = canonicalKey(type, key)
  if (type === 'integer') return canonical
  return `'${canonical.replaceAll("'", "''")}'${type === 'uuid' ? '::uuid' : '::text'}`
}
