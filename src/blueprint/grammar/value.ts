import type { Duration } from '../../core/duration.ts'
import { isDuration, parseDuration } from '../../core/duration.ts'
import { isSize, parseSize } from '../../core/size.ts'
import { describeValue, kindOf } from '../describe-value.ts'
import type { Reader } from './reader.ts'

/** A day: a timer of Node.js can't wait longer than 24. */
const DURATION_MAX_MS = 24 * 3_600_000

/** Any text but the empty one. */
export function text(what: string): Reader<string> {
  return (given, place) =>
    typeof given === 'string' && given.trim() !== ''
      ? given
      : place.invalid(
          `expected ${what}, got ${given === '' ? 'empty text' : describeValue(given)}`,
          'write it as text, in quotes',
        )
}

/** A number between two bounds, both included. */
export function number(bounds: { min: number; max: number; isInteger?: boolean }): Reader<number> {
  const { min, max, isInteger = false } = bounds
  const what = `${isInteger ? 'a whole number' : 'a number'} from ${min} to ${max}`
  return (given, place) => {
    if (typeof given === 'number' && given >= min && given <= max && (!isInteger || Number.isInteger(given)))
      return given
    const isQuoted = typeof given === 'string' && given.trim() !== '' && Number.isFinite(Number(given))
    return place.invalid(
      `expected ${what}, got ${describeValue(given)}`,
      isQuoted ? 'write it without quotes' : `write ${what}`,
    )
  }
}

/** Cores and the like: above zero. */
export function positive(what: string, max: number): Reader<number> {
  return (given, place) =>
    typeof given === 'number' && given > 0 && given <= max
      ? given
      : place.invalid(
          `expected ${what} above 0, ${max} at most, got ${describeValue(given)}`,
          `write a number such as ${Math.min(1, max)}`,
        )
}

/** A share strictly between 0 and 1. */
export const shareBetween: Reader<number> = (given, place) => {
  if (typeof given === 'number' && given > 0 && given < 1) return given
  const isPercent = typeof given === 'number' && given > 1 && given < 100
  return place.invalid(
    `expected a share above 0 and below 1, got ${describeValue(given)}`,
    isPercent ? `write ${Number((given / 100).toPrecision(12))} for ${given} %` : 'write a share such as 0.999',
  )
}

/** Milliseconds of a duration above zero. */
export const durationMs: Reader<number> = (given, place) => {
  if (isDuration(given)) {
    const milliseconds = parseDuration(given)
    if (milliseconds > 0 && milliseconds <= DURATION_MAX_MS) return milliseconds
    return place.invalid(
      `expected a duration above 0 and at most 24h, got ${describeValue(given)}`,
      "write for example '5s'",
    )
  }
  return place.invalid(`expected a duration such as '250ms' or '5s', got ${describeValue(given)}`, durationHint(given))
}

/** A duration that may be longer than a day, in milliseconds: for what is kept, not waited for. */
export const longDurationMs: Reader<number> = (given, place) =>
  isDuration(given) && parseDuration(given) > 0
    ? parseDuration(given)
    : place.invalid(`expected a duration such as '1h' or '7d', got ${describeValue(given)}`, durationHint(given))

/** A duration kept as it was written. */
export const duration: Reader<Duration> = (given, place) =>
  durationMs(given, place) === undefined ? undefined : (given as Duration)

/** Bytes of a size with a lower bound. */
export function sizeBytes(minBytes: number, minText: string): Reader<number> {
  return (given, place) => {
    if (!isSize(given))
      return place.invalid(`expected a size such as '64MiB', got ${describeValue(given)}`, sizeHint(given))
    const bytes = parseSize(given)
    return bytes >= minBytes
      ? bytes
      : place.invalid(`expected ${minText} or more, got ${describeValue(given)}`, `write at least '${minText}'`)
  }
}

/** Sessions per second. */
export const ratePerSecond: Reader<number> = (given, place) => {
  const match = typeof given === 'string' ? /^(\d+(?:\.\d+)?) sessions\/(s|min)$/.exec(given) : null
  const rate = match === null ? 0 : Number(match[1]) / (match[2] === 'min' ? 60 : 1)
  if (rate > 0 && rate <= 1_000_000) return rate
  return place.invalid(
    `expected a rate such as '400 sessions/s' or '30 sessions/min', got ${describeValue(given)}`,
    "write a number above 0, a space, and 'sessions/s' or 'sessions/min'",
  )
}

/** The name of a variable of the environment. What was given is not shown: it may be the value. */
export const variableName: Reader<string> = (given, place) =>
  typeof given === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(given)
    ? given
    : place.invalid(
        `expected the name of a variable of the environment, got ${typeof given === 'string' ? 'other text' : kindOf(given)}`,
        "put the value into a variable and write its name, such as 'ORDERS_URL'",
      )

function durationHint(given: unknown): string {
  if (typeof given === 'number' || (typeof given === 'string' && /^\d+(?:\.\d+)?$/.test(given))) {
    return `add a unit: '${given}ms' or '${given}s'`
  }
  const compact = typeof given === 'string' ? given.replaceAll(/\s/g, '') : given
  if (isDuration(compact)) return `write '${compact}'`
  return 'write a number followed by ms, s, m, h or d, without a space'
}

function sizeHint(given: unknown): string {
  const match = typeof given === 'string' ? /^(\d+(?:\.\d+)?) ?([KMG])i?B?$/i.exec(given) : null
  if (match !== null) return `write '${match[1]}${match[2]!.toUpperCase()}iB'`
  return 'write a number followed by B, KiB, MiB or GiB, without a space'
}
