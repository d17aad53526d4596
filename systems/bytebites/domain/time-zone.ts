import type { CalendarDay } from './week.ts'

/**
 * The instant at which a day begins in a time zone, in milliseconds since the Unix epoch. Where the clocks jump over
 * midnight it is the first instant that the day has.
 */
export function startOfDay(day: CalendarDay, timeZone: string): number {
  const asUtc = Date.UTC(day.year, day.month - 1, day.day)
  // The offset is a function of the instant that is looked for: the first guess may stand on the wrong side of a
  // change of the clocks, the second can't. Of two candidates that disagree, midnight is missing and the later is right.
  const first = asUtc - offsetMs(asUtc, timeZone)
  const second = asUtc - offsetMs(first, timeZone)
  return offsetMs(second, timeZone) === offsetMs(first, timeZone) ? second : Math.max(first, second)
}

/** The day that the calendar on the wall shows at an instant. */
export function dayAt(instantMs: number, timeZone: string): CalendarDay {
  const local = new Date(instantMs + offsetMs(instantMs, timeZone))
  return { year: local.getUTCFullYear(), month: local.getUTCMonth() + 1, day: local.getUTCDate() }
}

/** How far the clocks of a time zone are ahead of UTC at an instant. */
function offsetMs(instantMs: number, timeZone: string): number {
  const part: Record<string, number> = {}
  for (const { type, value } of formatOf(timeZone).formatToParts(instantMs)) part[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instantMs / 1000) * 1000
}

/** Building a format costs a hundred times what using it does. As many as there are regions, so no bound is needed. */
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
    formats.set(timeZone, format)
  }
  return format
}
