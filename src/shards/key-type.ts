import { TenfoldError } from '../core/errors.ts'

/** What the column of a shard key holds: whole numbers up to 64 bits, text of any collation that is deterministic, UUIDs. */
export type KeyType = 'integer' | 'text' | 'uuid'

/** A key as a service writes it. */
export type KeyValue = string | number | bigint

const UUID = /^\{?[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}\}?$/i
const INTEGER = /^-?\d+$/
const [INTEGER_MIN, INTEGER_MAX] = [-(2n ** 63n), 2n ** 63n - 1n]

/**
 * The one notation of a key: `7`, `'7'` and `7n` are the same key of a column of whole numbers, and a UUID in capitals is
 * the same as in small letters.
 *
 * @throws TF_SHARD_KEY_INVALID it can't be a key of this type
 */
export function canonicalKey(type: KeyType, key: unknown): string {
  if (type === 'text' && typeof key === 'string') return key
  if (type === 'uuid' && typeof key === 'string' && UUID.test(key)) return uuidText(key)
  if (type === 'integer') {
    if (typeof key === 'number' && Number.isSafeInteger(key)) return String(key)
    const integer = typeof key === 'bigint' || (typeof key === 'string' && INTEGER.test(key)) ? BigInt(key) : undefined
    if (integer !== undefined && integer >= INTEGER_MIN && integer <= INTEGER_MAX) return String(integer)
  }
  const what = { integer: 'a whole number of at most 64 bits', text: 'text', uuid: 'a UUID' }[type]
  throw new TenfoldError('TF_SHARD_KEY_INVALID', `expected the shard key to be ${what}, got ${show(key)}`, {
    hint: type === 'integer' ? 'give numbers above 2^53 as bigint' : 'give the value of the key column',
  })
}

/** Whether one key comes before another, in the order that their column has (text by bytes). */
export function compareKeys(type: KeyType, a: string, b: string): number {
  if (type === 'integer') {
    const difference = BigInt(a) - BigInt(b)
    return difference < 0n ? -1 : Number(difference > 0n)
  }
  // Of UTF-16 and UTF-8 only the latter has the order of code points, which is also that of PostgreSQL's "C".
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
}

function uuidText(key: string): string {
  const hex = key.replaceAll(/[{}-]/g, '').toLowerCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function show(key: unknown): string {
  return typeof key === 'string'
    ? JSON.stringify(key.slice(0, 60))
    : typeof key === 'object'
      ? 'an object'
      : String(key)
}
