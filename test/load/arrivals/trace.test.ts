import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseTrace, readTrace, traceArrivals } from '../../../src/load/arrivals/trace.ts'
import { planArrivals } from '../../../src/load/plan-arrivals.ts'
import { rateAt } from '../../../src/load/rate-curve.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenfold trace '))
})
afterAll(() => rm(directory, { recursive: true }))

describe('a trace', () => {
  it('is scaled so that its busiest interval is the peak', () => {
    const { curve } = traceArrivals({ peakPerSecond: 50, durationMs: 3_000 }, [1, 4, 2])
    expect([500, 1_500, 2_500].map((timeMs) => rateAt(curve, timeMs))).toEqual([12.5, 50, 25])
  })

  it('is read from a file beside the blueprint', async () => {
    await writeFile(join(directory, 'peak.csv'), 'requests_per_minute\r\n1\r\n3\r\n')
    const plan = await planArrivals(
      { shape: 'trace', file: 'peak.csv' },
      { peakPerSecond: 3, durationMs: 2_000 },
      directory,
    )
    expect(rateAt(plan.curve, 1_000)).toBe(3)
  })

  it('takes the named column of several', () => {
    expect(parseTrace('minute,count\n0,5\n1,7\n', 'x.csv', 'count')).toEqual([5, 7])
  })

  it.each([
    ['a missing column', 'minute,count\n0,5\n', 'hits', 'expected a column "hits"'],
    ['several columns and none named', 'minute,count\n0,5\n', undefined, 'got the columns minute, count'],
    ['a line that is no number', 'count\n5\nmany\n', undefined, 'in line 3, got "many"'],
    ['a negative count', 'count\n-1\n', undefined, 'in line 2, got "-1"'],
    ['an empty line in the middle', 'count\n1\n\n2\n', undefined, 'in line 3, got ""'],
    ['nothing but zeros', 'count\n0\n', undefined, 'at least one positive count'],
    ['no line at all', '', undefined, 'at least one positive count'],
  ])('with %s is refused with the place', (_what, text, column, problem) => {
    expect(() => parseTrace(text, 'x.csv', column)).toThrow(problem)
  })

  it('that is not there is refused by name', async () => {
    await expect(readTrace({ file: 'none.csv' }, directory)).rejects.toMatchObject({ code: 'TF_TRACE_INVALID' })
  })
})
