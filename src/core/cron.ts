import { didYouMean } from './did-you-mean.ts'

/** When something is due, as the five fields of cron say it. */
export interface Cron {
  /** Ascending, as the others. */
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly days: ReadonlySet<number>
  /** 1 to 12. */
  readonly months: ReadonlySet<number>
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>
  /** Days and weekdays are both named: either will do, as cron has always had it. */
  readonly isEitherDay: boolean
}

/** What is wrong with a text that should have been a cron expression. */
export interface CronMistake {
  /** `the hour to be 0 to 23, got '24'` */
  readonly expected: string
  readonly hint: string
}

interface Field {
  readonly what: string
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const FIELDS: readonly Field[] = [
  { what: 'minute', min: 0, max: 59 },
  { what: 'hour', min: 0, max: 23 },
  { what: 'day of the month', min: 1, max: 31 },
  { what: 'month', min: 1, max: 12, names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ') },
  { what: 'day of the week', min: 0, max: 7, names: 'sun mon tue wed thu fri sat'.split(' ') },
]

const SHORT: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
}

/**
 * Reads minute, hour, day of the month, month and day of the week: numbers, `*`, ranges, steps, lists, and the first
 * three letters of months and weekdays. Pure.
 *
 * @example readCron('0 3 * * mon-fri') // minutes [0], hours [3], weekdays 1 to 5
 */
export function readCron(text: string): Cron | CronMistake {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== FIELDS.length) {
    const short = SHORT[text.trim()]
    const hint = short === undefined ? "write minute, hour, day, month and weekday: '0 3 * * *'" : `write '${short}'`
    return { expected: `five fields such as '0 3 * * *', got '${text}'`, hint }
  }
  const sets: number[][] = []
  for (const [index, field] of FIELDS.entries()) {
    const read = readField(parts[index] as string, field)
    if ('expected' in read) return read
    sets.push(read)
  }
  const [minutes, hours, days, months, weekdays] = sets as [number[], number[], number[], number[], number[]]
  const isEitherDay = !parts[2]!.startsWith('*') && !parts[4]!.startsWith('*')
  const possible = months.some((month) => days.some((day) => day <= new Date(Date.UTC(2024, month, 0)).getUTCDate()))
  if (!possible && !isEitherDay) {
    return { expected: `a day that some year has, got '${text}'`, hint: 'choose a day that the month has' }
  }
  return {
    minutes,
    hours,
    days: new Set(days),
    months: new Set(months),
    weekdays: new Set(weekdays.map((day) => day % 7)),
    isEitherDay,
  }
}

export function isCronMistake(read: Cron | CronMistake): read is CronMistake {
  return 'expected' in read
}

function readField(text: string, field: Field): number[] | CronMistake {
  const values = new Set<number>()
  for (const part of text.split(',')) {
    const read = readPart(part, field)
    if ('expected' in read) return read
    for (let value = read.from; value <= read.to; value += read.step) values.add(value)
  }
  return [...values].toSorted((a, b) => a - b)
}

function readPart(part: string, field: Field): { from: number; to: number; step: number } | CronMistake {
  const { what, min, max, names = [] } = field
  const [, range = '', stepText] = /^([^/]*)(?:\/(\d{1,4}))?$/.exec(part) ?? []
  const ends =
    range === '*' ? [min, what === 'day of the week' ? 6 : max] : range.split('-').map((end) => value(end, field))
  const [from, to = from] = ends
  const step = stepText === undefined ? 1 : Number(stepText)
  if (from === undefined || to === undefined || ends.length > 2) {
    const meant = didYouMean(range.toLowerCase(), names)
    const orNames = names.length === 0 ? '' : `, or ${names[0]} to ${names.at(-1)}`
    return {
      expected: `the ${what} to be ${min} to ${max}${orNames}, '*', a range or a list of them, got '${part}'`,
      hint: meant === undefined ? `write for example '*', '${min}' or '${min}-${max}'` : `write '${meant}'`,
    }
  }
  if (from > to) {
    const hint = `write '${from}-${max},${min}-${to}'`
    return { expected: `the ${what} to be a range that goes up, got '${part}'`, hint }
  }
  if (step < 1 || (stepText !== undefined && ends.length === 1)) {
    const hint = `write '${range}-${max}/${Math.max(1, step)}', or '*/${Math.max(1, step)}'`
    return { expected: `the ${what} to have a step of 1 or more, after a range or '*', got '${part}'`, hint }
  }
  return { from, to, step }
}

function value(text: string, { min, max, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toLowerCase())
  if (named >= 0) return named + min
  const number = Number(text)
  return /^\d{1,2}$/.test(text) && number >= min && number <= max ? number : undefined
}
