/**
 * A delivery week: whole weeks, Monday to Sunday, since the one that began on Monday, 1 January 2024, which is week 0.
 * A plain number, so that "four weeks ago" is a subtraction.
 */
export type Week = number

/** A day of the calendar, without a place: when it begins depends on the time zone. */
export interface CalendarDay {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
}

const DAY_MS = 86_400_000
const FIRST_MONDAY_MS = Date.UTC(2024, 0, 1)

/** The week that a day belongs to. */
export function weekOf(day: CalendarDay): Week {
  return Math.floor((Date.UTC(day.year, day.month - 1, day.day) - FIRST_MONDAY_MS) / (7 * DAY_MS))
}

/** 0 for Monday to 6 for Sunday. */
export function weekdayOf(day: CalendarDay): number {
  return (new Date(Date.UTC(day.year, day.month - 1, day.day)).getUTCDay() + 6) % 7
}

/** A day of the week: 0 is Monday, 6 Sunday; below 0 and above 6 are days of the weeks around it. */
export function dayOf(week: Week, weekday: number): CalendarDay {
  const date = new Date(FIRST_MONDAY_MS + (week * 7 + weekday) * DAY_MS)
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
}

/** ISO 8601 text: `2026-11-23`. */
export function isoDay(day: CalendarDay): string {
  return new Date(Date.UTC(day.year, day.month - 1, day.day)).toISOString().slice(0, 10)
}
