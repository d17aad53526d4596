import { cronMistake, isTimeZone } from '../../core/cron.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import type { Place } from '../place.ts'
import type { Reader } from './reader.ts'
import { object, oneOf } from './reader.ts'
import { durationMs, text } from './value.ts'

const settings = object({
  what: 'a schedule',
  options: {
    cron,
    timezone,
    overlap: oneOf('skip', 'allow'),
    missed: oneOf('once', 'skip'),
    timeLimit: durationMs,
  },
  hint: "write '0 3 * * *', or { cron: '0 3 * * *', timezone: 'Europe/Berlin' }",
  required: ['cron'],
})

export interface ReadSchedule {
  readonly cron: string | undefined
  readonly timezone: string | undefined
  readonly overlap: 'skip' | 'allow' | undefined
  readonly missed: 'once' | 'skip' | undefined
  readonly timeLimit: number | undefined
}

/** A cron expression alone, or with what goes with it. */
export const schedule: Reader<ReadSchedule> = (given, place) => {
  if (typeof given !== 'string') return settings(given, place)
  const read = cron(given, place)
  return read === undefined
    ? undefined
    : { cron: read, timezone: undefined, overlap: undefined, missed: undefined, timeLimit: undefined }
}

function cron(given: unknown, place: Place): string | undefined {
  const expression = text('a cron expression')(given, place)
  if (expression === undefined) return undefined
  const mistake = cronMistake(expression)
  return mistake === undefined ? expression : place.invalid(`expected ${mistake.expected}`, mistake.hint)
}

function timezone(given: unknown, place: Place): string | undefined {
  const name = text('the name of a time zone')(given, place)
  if (name === undefined || isTimeZone(name)) return name
  const meant = didYouMean(name, Intl.supportedValuesOf('timeZone'))
  const hint = meant === undefined ? "write a name such as 'Europe/Berlin', or 'UTC'" : `write '${meant}'`
  return place.invalid(`expected the name of a time zone, got '${name}'`, hint)
}
