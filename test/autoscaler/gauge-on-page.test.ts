import { assert, double, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gaugeOnPage } from '../../src/autoscaler/gauge-on-page.ts'

const GAUGE = { name: 'jobs_waiting', from: '/metrics', labels: {} }
const PAGE = String.raw`# HELP jobs_waiting Jobs that wait.
# TYPE jobs_waiting gauge
jobs_waiting{queue="mail",zone="a"} 3
jobs_waiting{queue="mail",zone="b",} 4.5 1700000000000
jobs_waiting { queue = "a\"b\\c\n}" }	1e1
jobs_waiting_seconds 99
# TYPE jobs counter
jobs 12
`.replace('jobs_waiting { queue', 'jobs_waiting{ queue')

describe('a gauge on a page', () => {
  test('is the sum of its series, or of those with the labels', () => {
    expect(gaugeOnPage(PAGE, GAUGE)).toBe(17.5)
    expect(gaugeOnPage(PAGE, { ...GAUGE, labels: { queue: 'mail' } })).toBe(7.5)
    expect(gaugeOnPage(PAGE, { ...GAUGE, labels: { queue: 'mail', zone: 'a' } })).toBe(3)
    expect(gaugeOnPage(PAGE, { ...GAUGE, labels: { queue: 'a"b\\c\n}' } })).toBe(10)
    expect(gaugeOnPage('jobs_waiting 0\r\n', GAUGE)).toBe(0)
    expect(gaugeOnPage('jobs_waiting{} -2', GAUGE)).toBe(-2)
  })

  test.each([
    ['', 'got none of that name'],
    ['jobs_waiting_now 3', 'got none of that name'],
    ['<html>jobs_waiting 3</html>', 'got none of that name'],
    ['# TYPE jobs_waiting counter\njobs_waiting 3', 'expected jobs_waiting to be a gauge, got a counter'],
    ['# TYPE jobs_waiting histogram\njobs_waiting_count 3', 'got a histogram'],
    ['jobs_waiting NaN', 'expected jobs_waiting to be a number, got NaN'],
    ['jobs_waiting +Inf', 'got +Inf'],
    ['jobs_waiting many', 'got "jobs_waiting many"'],
    ['jobs_waiting', 'got none of that name'],
    ['jobs_waiting{queue="mail" 3', 'expected a line of jobs_waiting to be a number with labels'],
    ['jobs_waiting{queue=mail} 3', 'expected a line of jobs_waiting to be a number with labels'],
    ['jobs_waiting 0x10', 'expected a line of jobs_waiting to be a number with labels'],
    ['jobs_waiting 1 2 3', 'expected a line of jobs_waiting to be a number with labels'],
  ])('is refused where it is not what it should be: %j', (page, message) => {
    expect(() => gaugeOnPage(page, GAUGE)).toThrow(
      expect.objectContaining({ code: 'TF_SIGNAL_UNREADABLE', message: expect.stringContaining(message) }),
    )
  })

  test('is refused without a series that has the labels, and says which', () => {
    expect(() => gaugeOnPage(PAGE, { ...GAUGE, labels: { queue: 'none' } })).toThrow(
      'expected a gauge jobs_waiting{queue="none"}, got none of that name',
    )
  })

  test('is found with whatever label values there are', () => {
    const escape = (text: string): string =>
      text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
    const value = double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0)
    assert(
      property(string({ unit: 'binary' }), string({ unit: 'binary' }), value, (first, second, number) => {
        const page = `jobs_waiting{a="${escape(first)}",b="${escape(second)}"} ${number}\n`
        expect(gaugeOnPage(page, { ...GAUGE, labels: { a: first, b: second } })).toBe(number)
      }),
    )
  })
})
