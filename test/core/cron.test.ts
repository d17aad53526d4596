import { describe, expect, test } from 'vitest'
import type { Cron } from '../../src/core/cron.ts'
import { isCronMistake, readCron } from '../../src/core/cron.ts'

function read(text: string): Cron {
  const cron = readCron(text)
  if (isCronMistake(cron)) throw new Error(cron.expected)
  return cron
}

describe('a cron expression', () => {
  test('has numbers, ranges, steps, lists and names', () => {
    const { minutes, hours, days, months, weekdays } = read('*/20 8-18/5,23 1,15 JAN-mar,12 mon-FRI')
    expect([minutes, hours]).toEqual([
      [0, 20, 40],
      [8, 13, 18, 23],
    ])
    expect([[...days], [...months], [...weekdays]]).toEqual([
      [1, 15],
      [1, 2, 3, 12],
      [1, 2, 3, 4, 5],
    ])
  })

  test('has two Sundays, and either day where both are named', () => {
    expect([...read('0 0 * * 7').weekdays]).toEqual([0])
    expect([...read('0 0 * * 5-7').weekdays]).toEqual([5, 6, 0])
    expect(read('0 0 13 * fri').isEitherDay).toBe(true)
    expect(read('0 0 */2 * fri').isEitherDay).toBe(false)
  })

  test.each([
    ['0 3 * *', /five fields/, /0 3 \* \* \*/],
    ['0 0 3 * * *', /five fields/, /minute, hour/],
    ['@daily', /five fields/, /write '0 0 \* \* \*'/],
    ['60 * * * *', /minute to be 0 to 59.*'60'/, /0-59/],
    ['* 24 * * *', /hour to be 0 to 23/, /./],
    ['* * 0 * *', /day of the month to be 1 to 31/, /./],
    ['* * * jen *', /month to be 1 to 12, or jan to dec/, /write 'jan'/],
    ['* * * * 8', /day of the week to be 0 to 7, or sun to sat/, /./],
    ['5-1 * * * *', /a range that goes up/, /write '5-59,0-1'/],
    ['5/15 * * * *', /a step/, /write '5-59\/15'/],
    ['*/0 * * * *', /a step/, /./],
    ['-1 * * * *', /minute/, /./],
    ['1,, * * * *', /minute/, /./],
    ['0 0 30 2 *', /a day that some year has/, /./],
  ])('%s is none, and says why', (text, expected, hint) => {
    const mistake = readCron(text)
    expect(isCronMistake(mistake) ? mistake : undefined).toEqual({
      expected: expect.stringMatching(expected),
      hint: expect.stringMatching(hint),
    })
  })

  test('may name a day that only some years have', () => {
    expect(isCronMistake(readCron('0 0 29 2 *'))).toBe(false)
    expect(isCronMistake(readCron('0 0 30 2 mon'))).toBe(false)
  })
})
