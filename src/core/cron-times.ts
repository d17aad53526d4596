import type { Cron } from './cron.ts'
import type { TimeZone } from './time-zone.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** 29 February on one weekday comes every 28 years, every 40 around a year such as 2100. */
const DAYS_MAX = 41 * 366

/**
 * The first time after an instant at which something is due, on the clocks of a zone. Pure.
 *
 * Where clocks go forward, what was due in the hour that is left out is due once, when that hour would have begun.
 * Where they go back, what names its hours is due in the first of the two; what is due in every hour, in both.
 *
 * @returns undefined when there is no such time within 40 years
 */
export function nextCronTime(cron: Cron, zone: TimeZone, afterEpochMs: number): number | undefined {
  const today = Math.floor((afterEpochMs + zone.offsetMs(afterEpochMs)) / DAY_MS) * DAY_MS
  for (let days = -1; days <= DAYS_MAX; days++) {
    const first = firstOn(cron, zone, today + days * DAY_MS, afterEpochMs)
    if (first === undefined) continue
    // Clocks that go back over midnight have the next day begin before this one ends.
    return Math.min(first, firstOn(cron, zone, today + (days + 1) * DAY_MS, afterEpochMs) ?? Infinity)
  }
  return undefined
}

/** @param day midnight, as if the clocks showed UTC */
function firstOn(cron: Cron, zone: TimeZone, day: number, afterEpochMs: number): number | undefined {
  if (!isDue(cron, day)) return undefined
  const [before, after] = [zone.offsetMs(day - DAY_MS), zone.offsetMs(day + 2 * DAY_MS)]
  const isEveryHour = cron.hours.length === 24
  let first: number | undefined
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const shown = day + hour * HOUR_MS + minute * MINUTE_MS
      const instants = before === after ? [shown - before] : instantsOf(shown, zone, [before, after], isEveryHour)
      for (const instant of instants) {
        if (instant > afterEpochMs && (first === undefined || instant < first)) first = instant
      }
    }
    // Without a change of the clocks, hours ascend.
    if (first !== undefined && before === after) return first
  }
  return first
}

/** The instants at which clocks show a time, around a change of the offset. */
function instantsOf(
  shown: number,
  zone: TimeZone,
  offsets: readonly [before: number, after: number],
  isEveryHour: boolean,
): readonly number[] {
  const instants = offsets
    .map((offset) => shown - offset)
    .filter((instant, index) => zone.offsetMs(instant) === offsets[index])
    .toSorted((a, b) => a - b)
  if (instants.length > 0) return isEveryHour ? instants : instants.slice(0, 1)
  return isEveryHour ? [] : [changeBetween(shown - DAY_MS - offsets[0], shown + DAY_MS - offsets[1], zone)]
}

/** The first minute with another offset. */
function changeBetween(fromMs: number, toMs: number, zone: TimeZone): number {
  const before = zone.offsetMs(fromMs)
  let [low, high] = [Math.floor(fromMs / MINUTE_MS), Math.ceil(toMs / MINUTE_MS)]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (zone.offsetMs(middle * MINUTE_MS) === before) low = middle
    else high = middle
  }
  return high * MINUTE_MS
}

function isDue({ days, months, weekdays, isEitherDay }: Cron, day: number): boolean {
  const date = new Date(day)
  if (!months.has(date.getUTCMonth() + 1)) return false
  const [isDay, isWeekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())]
  return isEitherDay ? isDay || isWeekday : isDay && isWeekday
}
