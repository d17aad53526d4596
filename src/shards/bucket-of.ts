import { TenfoldError } from '../core/errors.ts'
import { integerHash, keyHash, uuidHash } from '../core/key-hash.ts'
import type { KeyType } from './key-type.ts'
import { canonicalKey, compareKeys } from './key-type.ts'
import type { Partitioning } from './shard-map.ts'

/**
 * The bucket of a key; `bucketExpression` says the same in SQL.
 *
 * @throws TF_SHARD_KEY_INVALID it is no key of this type
 * @throws TF_SHARD_KEY_UNPLACED it stands in no list, and no list takes the rest
 * @example bucketOf({ by: 'hash', keyType: 'integer', buckets: 1024 }, 7) // 534
 */
export function bucketOf(partitioning: Partitioning, key: unknown): number {
  if (partitioning.by === 'hash') {
    // The way of every request: what is a number or plain text needs no notation first.
    const { keyType, buckets } = partitioning
    return lowHash(keyType, key) & (buckets - 1)
  }
  const canonical = canonicalKey(partitioning.keyType, key)
  switch (partitioning.by) {
    case 'modulo': {
      const { buckets } = partitioning
      const remainder = Number(BigInt(canonical) % BigInt(buckets))
      return remainder < 0 ? remainder + buckets : remainder
    }
    case 'range': {
      const { keyType, bounds, buckets } = partitioning
      const above = bounds.findIndex((bound) => compareKeys(keyType, canonical, canonicalKey(keyType, bound)) < 0)
      return buckets[above < 0 ? bounds.length : above] as number
    }
    case 'list': {
      const bucket = partitioning.buckets.get(canonical) ?? partitioning.otherwise
      if (bucket !== undefined) return bucket
      throw new TenfoldError('TF_SHARD_KEY_UNPLACED', `expected the key ${canonical} to stand in a list`, {
        hint: "add it to a list in the blueprint, or name the list that takes all others in 'otherwise'",
        details: { key: canonical },
      })
    }
  }
}

function lowHash(type: KeyType, key: unknown): number {
  if (type === 'text' && typeof key === 'string') return keyHash(key).low
  if (type === 'integer' && typeof key === 'number' && Number.isSafeInteger(key)) return integerHash(key).low
  const canonical = canonicalKey(type, key)
  if (type === 'integer') return integerHash(BigInt(canonical)).low
  return type === 'uuid' ? uuidHash(canonical).low : keyHash(canonical).low
}
