/** A decimal number of any length: `digits` × 10^-scale. */
interface Decimal {
  readonly digits: bigint
  readonly scale: number
}

const DECIMAL = /^-?\d+(?:\.\d+)?$/
/** Digits behind the point of a quotient; what PostgreSQL gives for small numbers. */
const QUOTIENT_SCALE = 16

/** Whether a text is a number as `addDecimals` takes it: no exponent, no `NaN`. */
export function isDecimal(text: string): boolean {
  return DECIMAL.test(text)
}

/** Exact, with the digits behind the point of the longer one. @example addDecimals('1.50', '2') // '3.50' */
export function addDecimals(a: string, b: string): string {
  const [left, right] = [parse(a), parse(b)]
  const scale = Math.max(left.scale, right.scale)
  return format({ digits: scaled(left, scale) + scaled(right, scale), scale })
}

/** Rounded half away from zero. @example divideDecimal('10', 4n) // '2.5000000000000000' */
export function divideDecimal(a: string, by: bigint): string {
  const { digits, scale } = parse(a)
  const sharp = (digits * 10n ** BigInt(QUOTIENT_SCALE + 1)) / (by * 10n ** BigInt(scale))
  const rounded = (sharp + (sharp < 0n ? -5n : 5n)) / 10n
  return format({ digits: rounded, scale: QUOTIENT_SCALE })
}

/**
 * Compares numbers as PostgreSQL writes and orders them: `NaN` is above `Infinity`.
 *
 * @example compareDecimals('10', '9.5') // 1
 */
export function compareDecimals(a: string, b: string): number {
  if (!isDecimal(a) || !isDecimal(b) || (a.length <= 15 && b.length <= 15)) return compareNumbers(Number(a), Number(b))
  const [left, right] = [parse(a), parse(b)]
  const scale = Math.max(left.scale, right.scale)
  const difference = scaled(left, scale) - scaled(right, scale)
  return difference < 0n ? -1 : Number(difference > 0n)
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a < b ? -1 : Number(a > b)
}

function parse(text: string): Decimal {
  const [whole = '0', fraction = ''] = text.split('.')
  return { digits: BigInt(whole + fraction), scale: fraction.length }
}

function scaled({ digits, scale }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(to - scale)
}

function format({ digits, scale }: Decimal): string {
  if (scale === 0) return String(digits)
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
  return `${digits < 0n ? '-' : ''}${text.slice(0, -scale)}.${text.slice(-scale)}`
}
