import { type Week, weekOf } from '../domain/week.ts'
import { lottery } from './dice.ts'

/** How many subscribers there are, and how many there were when ByteBites became popular. */
export const SUBSCRIBERS = 50_000
const SUBSCRIBERS_BEFORE = 5_000

/** Everybody's password: these are made-up people, and load generators have to sign them in. */
export const SEEDED_PASSWORD = 'what is for dinner'

/** The first Monday that the data knows nothing about. Fixed, so that the data is the same whenever it is made. */
export const LAST_DELIVERY_WEEK: Week = weekOf({ year: 2026, month: 11, day: 16 })

const QUIET_WEEKS = 45
const GROWTH_WEEKS = 26

/**
 * The delivery week of a subscriber's first box: the first 5,000 came one by one in most of a year, the others within half a
 * year, their number growing tenfold at a steady rate.
 */
export function firstWeekOf(userId: number): Week {
  const growthStart = LAST_DELIVERY_WEEK - GROWTH_WEEKS
  if (userId <= SUBSCRIBERS_BEFORE) {
    return growthStart - QUIET_WEEKS + Math.floor(((userId - 1) / SUBSCRIBERS_BEFORE) * QUIET_WEEKS)
  }
  const tenfold = Math.log(SUBSCRIBERS / SUBSCRIBERS_BEFORE)
  return growthStart + Math.floor((Math.log((userId - 1) / SUBSCRIBERS_BEFORE) / tenfold) * GROWTH_WEEKS)
}

/** When in the week orders are placed: the days from Thursday to Wednesday, the day of the cut-off. */
export const drawOrderDay = lottery([
  [0, 5],
  [1, 8],
  [2, 12],
  [3, 19],
  [4, 15],
  [5, 17],
  [6, 24],
])

/** When on a day: people plan dinner before dinner, from four to seven. */
export const drawOrderHour = lottery([
  [0, 6],
  [1, 3],
  [2, 1],
  [3, 1],
  [4, 1],
  [5, 2],
  [6, 8],
  [7, 18],
  [8, 26],
  [9, 30],
  [10, 34],
  [11, 42],
  [12, 56],
  [13, 46],
  [14, 44],
  [15, 66],
  [16, 140],
  [17, 190],
  [18, 160],
  [19, 90],
  [20, 80],
  [21, 60],
  [22, 36],
  [23, 16],
])
