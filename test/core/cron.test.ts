import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cronMistake, cronTimes, isTimeZone } from '../../src/core/cron.ts'

const MINUTE_MS = 60_000
const DAY_MS = 1_440 * MINUTE_MS

describe('a cron expression', () => {
  test.each(['*/20 8-18/5,23 1,15 JAN-mar,12 mon-FRI', '0 0 * * 7', '0 0 29 2 *', '0 0 30 2 mon', '@daily'])(
    '%s is one',
    (text) => {
      expect(cronMistake(text)).toBeUndefined()
    },
  )

  test.each([
    ['0 3 * *', /4 fields, not five/],
    ['0 0 3 * * *', /6 fields/],
    ['60 * * * *', /invalid value for minute: 60/],
    ['* 24 * * *', /invalid value for hour: 24/],
    ['* * 0 * *', /0/],
    ['* * * jen *', /jen/],
    ['* * * * 8', /8/],
    ['5-1 * * * *', /5-1/],
    ['*/0 * * * *', /./],
    ['0 0 30 2 *', /no such day/],
    ['', /./],
    ['nonsense', /./],
  ])('%s is none, and says why', (text, why) => {
    expect(cronMistake(text)).toEqual({
      expected: expect.stringMatching(why),
      hint: expect.stringMatching(/day/),
    })
    expect(cronMistake(text)?.expected).toContain(`got '${text}'`)
  })

  test('has a zone of the machine', () => {
    expect([isTimeZone('Europe/Berlin'), isTimeZone('Europe/Berln')]).toEqual([true, false])
  })
})

function after(text: string, zone: string, instant: string, count = 1): readonly string[] {
  const next = cronTimes(text, zone)
  let at = Date.parse(instant)
  return Array.from({ length: count }, () => {
    at = next(at)!
    return new Date(at).toISOString().slice(0, 16)
  })
}

describe('the next time that is due', () => {
  test('is after the instant, never at it', () => {
    expect(after('0 3 * * *', 'UTC', '2026-01-01T03:00:00Z', 2)).toEqual(['2026-01-02T03:00', '2026-01-03T03:00'])
    expect(after('0 3 * * *', 'UTC', '2026-01-01T02:59:59.999Z')).toEqual(['2026-01-01T03:00'])
    expect(after('*/15 * * * *', 'Asia/Kathmandu', '2026-01-01T00:00:00Z', 2)).toEqual([
      '2026-01-01T00:15',
      '2026-01-01T00:30',
    ])
  })

  test('is on the clocks of the zone', () => {
    expect(after('0 3 * * *', 'Europe/Berlin', '2026-01-01T00:00:00Z')).toEqual(['2026-01-01T02:00'])
    expect(after('0 3 * * *', 'Europe/Berlin', '2026-07-01T00:00:00Z')).toEqual(['2026-07-01T01:00'])
    expect(after('0 3 * * mon', 'Pacific/Auckland', '2026-01-04T00:00:00Z')).toEqual(['2026-01-04T14:00'])
  })

  test('comes in years with such a day', () => {
    expect(after('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual(['2028-02-29T00:00', '2032-02-29T00:00'])
    expect(after('0 0 29 2 *', 'UTC', '2096-03-01T00:00:00Z')).toEqual(['2104-02-29T00:00'])
    expect(after('0 0 13 * fri', 'UTC', '2026-02-10T00:00:00Z', 2)).toEqual(['2026-02-13T00:00', '2026-02-20T00:00'])
  })

  test('that clocks leave out is due when the hour would have begun, once', () => {
    expect(after('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ])
    expect(after('0,30 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 3)).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T01:30',
      '2026-03-30T00:00',
    ])
  })

  test('that clocks show twice is due the first time; what is due every hour, both times', () => {
    expect(after('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ])
    expect(after('30 * * * *', 'Europe/Berlin', '2026-10-24T23:00:00Z', 4)).toEqual([
      '2026-10-24T23:30',
      '2026-10-25T00:30',
      '2026-10-25T01:30',
      '2026-10-25T02:30',
    ])
  })
})

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Havana',
  'Australia/Lord_Howe',
  'Africa/Casablanca',
  'Asia/Kolkata',
  'Pacific/Apia',
]
const zones = fc.constantFrom(...ZONES)
const minute = fc.integer({ min: 0, max: 59 })
const hour = fc.integer({ min: 0, max: 23 })
const days = fc.integer({ min: Date.UTC(2011, 0) / DAY_MS, max: Date.UTC(2030, 0) / DAY_MS })

describe('whatever the zone does to its clocks', () => {
  test('a daily job runs once on every day that the zone has, and on none twice', () => {
    fc.assert(
      fc.property(zones, minute, hour, days, (name, atMinute, atHour, day) => {
        const nextAfter = cronTimes(`${atMinute} ${atHour} * * *`, name)
        const offsetMs = offsetsOf(name)
        const shownDay = (instant: number): number => Math.floor((instant + offsetMs(instant)) / DAY_MS)
        let at = nextAfter(day * DAY_MS)!
        for (let count = 0; count < 10; count++) {
          const next = nextAfter(at)!
          // Samoa had no 30 December 2011.
          const isLeftOut = name === 'Pacific/Apia' && Math.abs(next - Date.UTC(2011, 11, 30, 10)) < 2 * DAY_MS
          if (!isLeftOut) expect(shownDay(next) - shownDay(at)).toBe(1)
          expect(next).toBeGreaterThan(at)
          at = next
        }
      }),
      { numRuns: 200 },
    )
  })

  test('what is due every hour is due whenever the clocks show its minute', () => {
    fc.assert(
      fc.property(zones, minute, days, (name, atMinute, day) => {
        const nextAfter = cronTimes(`${atMinute} * * * *`, name)
        const offsetMs = offsetsOf(name)
        const isShown = (instant: number): boolean => ((instant + offsetMs(instant)) / MINUTE_MS) % 60 === atMinute
        const from = day * DAY_MS
        const expected = Array.from({ length: 1_440 }, (_, index) => from + (index + 1) * MINUTE_MS).filter(isShown)
        const found: number[] = []
        for (let at = from; (at = nextAfter(at)!) <= from + DAY_MS;) found.push(at)
        expect(found).toEqual(expected)
      }),
      { numRuns: 40 },
    )
  })
})

/** How far the clocks of a zone are ahead of UTC at an instant. */
function offsetsOf(timeZone: string): (epochMs: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
  return (epochMs) => Date.parse(`${format.format(epochMs).replace(' ', 'T')}Z`) - Math.floor(epochMs / 1_000) * 1_000
}
