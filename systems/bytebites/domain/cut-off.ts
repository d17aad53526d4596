import type { Region } from './region.ts'
import { dayAt, startOfDay } from './time-zone.ts'
import { dayOf, type Week, weekOf } from './week.ts'

/** How many weeks ahead a box can be ordered, the first open one included. */
export const WEEKS_AHEAD = 4

/** Thursday of the week before the delivery: Wednesday, 23:59:59 is the last second that is in time. */
const CUT_OFF_WEEKDAY = 3 - 7

/**
 * The instant from which a week's orders are closed: midnight after the Wednesday of the week before, local time of the
 * region. An order is in time if it is *before* this instant.
 */
export function closesAt(week: Week, region: Region): number {
  return startOfDay(dayOf(week, CUT_OFF_WEEKDAY), region.timeZone)
}

/** Whether a week's orders can still be made or changed. */
export function isOpen(week: Week, region: Region, nowMs: number): boolean {
  return nowMs < closesAt(week, region)
}

/** The first week that can still be ordered: there is one at any time. */
export function firstOpenWeek(region: Region, nowMs: number): Week {
  const next = weekOf(dayAt(nowMs, region.timeZone)) + 1
  return isOpen(next, region, nowMs) ? next : next + 1
}
