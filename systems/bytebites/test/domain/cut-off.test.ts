import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closesAt, firstOpenWeek, isOpen } from '../../domain/cut-off.ts'
import { REGIONS } from '../../domain/region.ts'
import { dayAt, startOfDay } from '../../domain/time-zone.ts'
import { dayOf, isoDay, weekdayOf, weekOf } from '../../domain/week.ts'

const anyDate = fc.integer({ min: Date.UTC(2024, 0, 8), max: Date.UTC(2060, 0, 1) })
const anyRegion = fc.constantFrom(...Object.values(REGIONS))

describe('weeks', () => {
  it('begin on Monday, from 1 January 2024 on', () => {
    expect(weekOf({ year: 2024, month: 1, day: 7 })).toBe(0)
    expect(weekOf({ year: 2024, month: 1, day: 8 })).toBe(1)
    expect(isoDay(dayOf(100, 0))).toBe('2025-12-01')
    expect(weekdayOf({ year: 2026, month: 11, day: 22 })).toBe(6)
  })

  it('hold the days that dayOf gives', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 6 }), (week, weekday) => {
        const day = dayOf(week, weekday)
        expect(weekOf(day)).toBe(week)
        expect(weekdayOf(day)).toBe(weekday)
      }),
    )
  })
})

describe('days in a time zone', () => {
  it.each([
    ['Europe/Berlin', { year: 2026, month: 3, day: 29 }, '2026-03-28T23:00:00.000Z'],
    ['Europe/Berlin', { year: 2026, month: 3, day: 30 }, '2026-03-29T22:00:00.000Z'],
    ['Europe/Lisbon', { year: 2026, month: 10, day: 25 }, '2026-10-24T23:00:00.000Z'],
    ['Europe/Lisbon', { year: 2026, month: 10, day: 26 }, '2026-10-26T00:00:00.000Z'],
    // Midnight does not exist: the clocks go from 23:59:59 to 01:00:00.
    ['Africa/Cairo', { year: 2024, month: 4, day: 26 }, '2024-04-25T22:00:00.000Z'],
    ['America/Santiago', { year: 2024, month: 9, day: 8 }, '2024-09-08T04:00:00.000Z'],
    // Midnight happens twice: the clocks go from 01:00:00 back to 00:00:00.
    ['America/Havana', { year: 2024, month: 11, day: 3 }, '2024-11-03T04:00:00.000Z'],
  ])('begin in %s when the calendar says so', (timeZone, day, instant) => {
    expect(new Date(startOfDay(day, timeZone)).toISOString()).toBe(instant)
  })

  it('begin at their first instant and not before', () => {
    const zone = fc.constantFrom(
      'Europe/Berlin',
      'Europe/Dublin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Africa/Cairo',
    )
    fc.assert(
      fc.property(
        zone,
        fc.integer({ min: 0, max: 1500 }),
        fc.integer({ min: 0, max: 6 }),
        (timeZone, week, weekday) => {
          const day = dayOf(week, weekday)
          const start = startOfDay(day, timeZone)
          expect(dayAt(start, timeZone)).toEqual(day)
          expect(dayAt(start - 1, timeZone)).toEqual(dayOf(week, weekday - 1))
        },
      ),
    )
  })
})

describe('the cut-off', () => {
  it('lets Wednesday, 23:59:59 local time pass and nothing later', () => {
    const week = weekOf({ year: 2026, month: 12, day: 7 })
    const lastSecond = Date.parse('2026-12-02T22:59:59.999Z')
    expect(new Date(closesAt(week, REGIONS.de)).toISOString()).toBe('2026-12-02T23:00:00.000Z')
    expect(isOpen(week, REGIONS.de, lastSecond)).toBe(true)
    expect(isOpen(week, REGIONS.de, lastSecond + 1)).toBe(false)
    expect(isOpen(week, REGIONS.pt, lastSecond + 1)).toBe(true)
  })

  it('stays at local midnight when the clocks change in between', () => {
    const beforeChange = weekOf({ year: 2026, month: 3, day: 30 })
    expect(new Date(closesAt(beforeChange, REGIONS.nl)).toISOString()).toBe('2026-03-25T23:00:00.000Z')
    expect(new Date(closesAt(beforeChange + 1, REGIONS.nl)).toISOString()).toBe('2026-04-01T22:00:00.000Z')
  })

  it('leaves a first open week at any time, the one whose cut-off comes next', () => {
    fc.assert(
      fc.property(anyDate, anyRegion, (nowMs, region) => {
        const week = firstOpenWeek(region, nowMs)
        expect(nowMs).toBeLessThan(closesAt(week, region))
        expect(nowMs).toBeGreaterThanOrEqual(closesAt(week - 1, region))
        expect(isOpen(week, region, nowMs)).toBe(true)
        expect(isOpen(week - 1, region, nowMs)).toBe(false)
      }),
    )
  })
})
