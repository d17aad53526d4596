import { Cron } from 'croner'

/** What is wrong with a text that should have been a cron expression. */
export interface CronMistake {
  /** `a cron expression such as '0 3 * * *', got '0 24 * * *': invalid value for hour: 24` */
  readonly expected: string
  readonly hint: string
}

/**
 * What is wrong with minute, hour, day of the month, month and day of the week; undefined: nothing. Short forms such as
 * `@daily` are right as well.
 *
 * @example cronMistake('0 3 * * mon-fri') // undefined
 */
export function cronMistake(expression: string): CronMistake | undefined {
  const wrong = (why: string, hint: string): CronMistake => ({
    expected: `a cron expression such as '0 3 * * *', got '${expression}': ${why}`,
    hint,
  })
  const fields = expression.trim().split(/\s+/).length
  if (fields !== 5 && !expression.startsWith('@')) {
    return wrong(`${fields} fields, not five`, 'write minute, hour, day of the month, month and day of the week')
  }
  try {
    const isDueEver = cronOf(expression, 'UTC').nextRun(new Date(0)) !== null
    return isDueEver ? undefined : wrong('there is no such day', 'choose a day that the month has')
  } catch (error) {
    const [, why = ''] = /^(?:CronPattern|CronDate)?:? ?(.*)$/s.exec((error as Error).message) ?? []
    const sentence = why.charAt(0).toLowerCase() + why.slice(1).replace(/\.$/, '')
    return wrong(sentence, 'write minute, hour, day of the month, month and day of the week')
  }
}

/** Whether a zone such as `Europe/Berlin` is in the machine's database. */
export function isTimeZone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/**
 * The times of an expression without mistakes, on the clocks of a zone: gives the first after an instant, or undefined
 * when there is none any more.
 *
 * Where clocks go forward, what was due in the hour that is left out is due when it would have begun. Where they go
 * back, what names its hours is due in the first of the two; what is due in every hour, in both.
 *
 * @example cronTimes('0 3 * * *', 'UTC')(Date.UTC(2026, 0, 1, 3)) // Date.UTC(2026, 0, 2, 3)
 */
export function cronTimes(expression: string, timezone: string): (afterEpochMs: number) => number | undefined {
  const cron = cronOf(expression, timezone)
  return (afterEpochMs) => cron.nextRun(new Date(afterEpochMs))?.getTime()
}

function cronOf(expression: string, timezone: string): Cron {
  return new Cron(expression, { timezone, mode: '5-part', paused: true })
}
