import type { SeedValue } from '../blueprint/seed.ts'
import { TenfoldError } from '../core/errors.ts'

/** Writes one value in the text format of COPY; `\N` is NULL. */
export type CopyEncoder = (value: SeedValue | undefined) => string

/**
 * The encoder for a column: objects become JSON; arrays become JSON too, except in a column whose type is an array,
 * where they become an array literal. Strings are written as they are.
 *
 * @throws TF_SEED_FAILED from the encoder, for `undefined` and for a date that is none
 */
export function copyEncoder(column: string, isArray: boolean): CopyEncoder {
  return (value) => {
    if (typeof value === 'string') return escapeText(value)
    if (value === null) return '\\N'
    return escapeText(isArray && Array.isArray(value) ? arrayLiteral(value, column) : scalarText(value, column))
  }
}

const SPECIAL = /[\\\t\n\r]/

/** Most values need no escape, and the test is much cheaper than the replacement. */
function escapeText(text: string): string {
  if (!SPECIAL.test(text)) return text
  return text.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] as string)
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function scalarText(value: unknown, column: string): string {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return String(value)
    case 'boolean':
      return value ? 't' : 'f'
    case 'object':
      if (!(value instanceof Date)) return JSON.stringify(value)
      if (!Number.isNaN(value.getTime())) return isoText(value)
      throw unwritable(column, 'an invalid Date')
    default:
      throw unwritable(column, typeof value)
  }
}

/** ISO 8601; years outside 0 to 9999 have a form of their own there that PostgreSQL does not read. */
function isoText(date: Date): string {
  const text = date.toISOString()
  if (!text.startsWith('+') && !text.startsWith('-')) return text
  if (text.startsWith('+')) return text.slice(text.startsWith('+00') ? 3 : text.startsWith('+0') ? 2 : 1)
  // Astronomical year -n is the year n + 1 before Christ.
  return `${String(Number(text.slice(1, 7)) + 1).padStart(4, '0')}${text.slice(7)} BC`
}

/** `{1,2}`, `{"a","b"}`, nested the same way; NULL without quotes is SQL's. */
function arrayLiteral(values: readonly unknown[], column: string): string {
  const elements = values.map((value) => {
    if (value === null) return 'NULL'
    if (Array.isArray(value)) return arrayLiteral(value, column)
    const text = typeof value === 'string' ? value : scalarText(value, column)
    return `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${elements.join(',')}}`
}

function unwritable(column: string, got: string): TenfoldError {
  return new TenfoldError('TF_SEED_FAILED', `expected a value for column ${column}, got ${got}`, {
    hint: 'write null for SQL NULL',
    details: { column },
  })
}
