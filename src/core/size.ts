import { TenfoldError } from './errors.ts'

/** An amount of memory or disk as people write it: `'64MiB'`. */
export type Size = `${number}${'B' | 'KiB' | 'MiB' | 'GiB'}`

const UNIT_BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/**
 * Bytes in a size.
 *
 * @throws TF_SIZE_INVALID for anything that is not a non-negative number with a unit
 * @example parseSize('64MiB') // 67108864
 */
export function parseSize(size: Size): number {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)$/.exec(size)
  if (match === null) {
    throw new TenfoldError('TF_SIZE_INVALID', `expected a size such as '64MiB', got ${JSON.stringify(size)}`, {
      hint: 'write a number followed by B, KiB, MiB or GiB, without a space',
    })
  }
  return Math.round(Number(match[1]) * UNIT_BYTES[match[2] as keyof typeof UNIT_BYTES])
}

/** Whether a value is a well-formed size. */
export function isSize(value: unknown): value is Size {
  return typeof value === 'string' && /^\d+(?:\.\d+)?(?:B|KiB|MiB|GiB)$/.test(value)
}

/**
 * A size for people, three significant digits.
 *
 * @example formatSize(1536) // '1.5KiB'
 */
export function formatSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes >= UNIT_BYTES[unit]) return `${Number((bytes / UNIT_BYTES[unit]).toPrecision(3))}${unit}`
  }
  return `${bytes}B`
}
