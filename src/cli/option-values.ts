import { isDuration, parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'

/** A number above zero. @throws TF_USAGE */
export function positive(option: string, text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw wrong(option, 'a number above 0', text, '2')
}

/** A whole number, 0 or more. @throws TF_USAGE */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value
  throw wrong(option, 'a whole number', text, '7')
}

/** Milliseconds of a duration of a second or more. @throws TF_USAGE */
export function atLeastASecond(option: string, text: string): number {
  const durationMs = isDuration(text) ? parseDuration(text) : 0
  if (durationMs >= 1_000) return durationMs
  throw wrong(option, 'a duration of a second or more', text, '60s')
}

function wrong(option: string, expected: string, text: string, example: string): TenfoldError {
  return new TenfoldError('TF_USAGE', `expected ${option} to be ${expected}, got ${JSON.stringify(text)}`, {
    hint: `write it like ${option} ${example}`,
  })
}
