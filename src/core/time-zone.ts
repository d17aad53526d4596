/** A time zone of the machine's database. */
export interface TimeZone {
  /** How far its clocks are ahead of UTC at an instant. */
  offsetMs(epochMs: number): number
}

/** The zone of a name such as `Europe/Berlin`; undefined where there is none. */
export function timeZone(name: string): TimeZone | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    // Not one that this Node knows.
    return undefined
  }
  return {
    offsetMs(epochMs) {
      const parts = new Map(format.formatToParts(epochMs).map(({ type, value }) => [type, Number(value)]))
      const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
      const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
      return local - Math.floor(epochMs / 1_000) * 1_000
    },
  }
}
