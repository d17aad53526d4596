/** 64 bits as two halves: numbers hold 53. */
export interface KeyHash {
  /** Unsigned. */
  readonly high: number
  /** Unsigned. */
  readonly low: number
}

/**
 * Where a key belongs: topics take partitions from the high half, buckets of shards are the low bits. It is what
 * PostgreSQL calls `hashtextextended(key, 0)` (Jenkins' lookup3, `hash_bytes_extended` in its `hashfn.c`), so that both
 * sides agree for ever. Numbers are hashed as their decimal text.
 *
 * @example partitionOf('user-7', 12) // 3
 */
export function keyHash(key: string): KeyHash {
  const bytes = Buffer.from(key, 'utf8')
  let rest = bytes.length
  let at = 0
  let a = (0x9e3779b9 + rest + 3923095) | 0
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
