import { type Region, REGION_CODES } from '../domain/region.ts'
import { startOfDay } from '../domain/time-zone.ts'
import { dayOf, type Week } from '../domain/week.ts'

/**
 * Local midnights, remembered: time zones are slow to ask, and half a million orders share a few thousand days.
 *
 * @returns the start of a weekday (0 is Monday) of a week in a region, in milliseconds since the Unix epoch
 */
export function dayStarts(): (week: Week, region: Region, weekday: number) => number {
  const kept: number[] = []
  return (week, region, weekday) => {
    const index = (week * 7 + weekday) * REGION_CODES.length + REGION_CODES.indexOf(region.code)
    return (kept[index] ??= startOfDay(dayOf(week, weekday), region.timeZone))
  }
}
