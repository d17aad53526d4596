import type { Region } from './region.ts'
import { dayAt, startOfDay } from './time-zone.ts'
import { dayOf, type Week, weekdayOf, weekOf } from './week.ts'

/** How many weeks ahead a box can be ordered, the first open one included. */
export const WEEKS_AHEAD = 4

/** The day before the week of the delivery by whose end orders are in: Wednesday. */
const LAST_WEEKDAY = 2

/**
 * The first week that can still be ordered: there is one at any time. Until the end of Wednesday, local time of the
 * region, it is next week, and from then on the week after. Only the calendar on the wall is asked, so a change of the
 * clocks moves nothing.
 */
export function firstOpenWeek(region: Region, nowMs: number): Week {
  const today = dayAt(nowMs, region.timeZone)
  return weekOf(today) + (weekdayOf(today) <= LAST_WEEKDAY ? 1 : 2)
}

/** Whether a week's orders can still be made or changed. */
export function isOpen(week: Week, region: Region, nowMs: number): boolean {
  return week >= firstOpenWeek(region, nowMs)
}

/**
 * The instant from which a week's orders are closed: midnight after the Wednesday of the week before, local time of the
 * region, so that Wednesday, 23:59:59 is the last second in time.
 *
 * @returns milliseconds since the Unix epoch
 */
export function closesAt(week: Week, region: Region): number {
  return startOfDay(dayOf(week - 1, LAST_WEEKDAY + 1), region.timeZone)
}
