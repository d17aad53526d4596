/**
 * 32 bits of a text: FNV-1a and the finish of MurmurHash3, so that texts that differ in one character lie far apart. The
 * same everywhere and for good; not for secrets.
 *
 * @example hash32('api-1') === hash32('api-1') // true
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
