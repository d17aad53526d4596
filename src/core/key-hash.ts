/** 64 bits as two halves: numbers hold 53. */
export interface KeyHash {
  /** Unsigned. */
  readonly high: number
  /** Unsigned. */
  readonly low: number
}

/**
 * The hash of a text, which says where a key belongs: topics take partitions from the high half, buckets of shards are the
 * low bits. It is what PostgreSQL calls `hashtextextended(key, 0)` (Jenkins' lookup3, `hash_bytes_extended` in its
 * `hashfn.c`), so that both sides agree for ever.
 *
 * @example partitionOf('user-7', 12) // 3
 */
export function keyHash(key: string): KeyHash {
  return hashBytes(Buffer.from(key, 'utf8'))
}

/** The hash of a whole number of 64 bits, as a number if it is safe: PostgreSQL's `hashint8extended(key, 0)`. */
export function integerHash(key: number | bigint): KeyHash {
  const isNumber = typeof key === 'number'
  const high = isNumber ? Math.floor(key / 0x1_0000_0000) | 0 : Number(BigInt.asIntN(32, key >> 32n))
  const low = isNumber ? key | 0 : Number(BigInt.asIntN(32, key))
  // So that numbers that fit into 32 bits hash as those do.
  return hashWord(low ^ (high >= 0 ? high : ~high))
}

/** The hash of a UUID in any of its notations: PostgreSQL's `uuid_hash_extended(key, 0)`. */
export function uuidHash(key: string): KeyHash {
  return hashBytes(Buffer.from(key.replaceAll(/[{}-]/g, ''), 'hex'))
}

/** What all hashes begin with, for so many bytes. */
const START = 0x9e3779b9 + 3923095

function hashWord(word: number): KeyHash {
  const start = (START + 4) | 0
  return mix((start + word) | 0, start, start)
}

function hashBytes(bytes: Buffer): KeyHash {
  let rest = bytes.length
  let at = 0
  let a = (START + rest) | 0
  let b = a
  let c = a
  for (; rest >= 12; rest -= 12, at += 12) {
    a = (a + bytes.readInt32LE(at)) | 0
    b = (b + bytes.readInt32LE(at + 4)) | 0
    c = (c + bytes.readInt32LE(at + 8)) | 0
    a = ((a - c) | 0) ^ rotate(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ rotate(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 4)
    b = (b + a) | 0
  }
  const byte = (index: number, shift: number): number => (index < rest ? (bytes[at + index] as number) << shift : 0)
  a = (a + byte(0, 0) + byte(1, 8) + byte(2, 16) + byte(3, 24)) | 0
  b = (b + byte(4, 0) + byte(5, 8) + byte(6, 16) + byte(7, 24)) | 0
  // The lowest byte of c stands for the length.
  c = (c + byte(8, 8) + byte(9, 16) + byte(10, 24)) | 0
  return mix(a, b, c)
}

function mix(a: number, b: number, c: number): KeyHash {
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return { high: b >>> 0, low: c >>> 0 }
}

/** The partition of a key, from 0: multiplying the number of partitions splits each of them, and mixes none. */
export function partitionOf(key: string, partitions: number): number {
  return Math.floor((keyHash(key).high / 0x1_0000_0000) * partitions)
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
