import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import type { WaitingLine, WaitingLineOptions } from '../../src/queueing/waiting-line.ts'
import { waitingLine } from '../../src/queueing/waiting-line.ts'

function stable(options: WaitingLineOptions): WaitingLine & { state: 'stable' } {
  const line = waitingLine(options)
  if (line.state !== 'stable') throw new Error(`expected a stable line, got ${line.state}`)
  return line
}

// Hillier and Lieberman, Introduction to Operations Research, 7th edition, section 17.6: the emergency room of a hospital,
// two patients an hour, twenty minutes of a doctor each. An hour here is a second.
const patients = { arrivalsPerSecond: 2, serviceMs: 1_000 / 3 }

test('one doctor: patients wait as the textbook says', () => {
  const line = stable({ ...patients, servers: 1 })
  expect(line.utilisation).toBeCloseTo(2 / 3, 10)
  expect(line.presentMean).toBeCloseTo(2, 10)
  expect(line.waitMsMean).toBeCloseTo(1_000 * (2 / 3), 8)
  expect(line.responseMsMean).toBeCloseTo(1_000, 8)
  expect(beyond(line.responseMsAt, 500)).toBeCloseTo(Math.exp(-0.5), 6)
  expect(beyond(line.responseMsAt, 1_000)).toBeCloseTo(Math.exp(-1), 6)
  expect(beyond(line.waitMsAt, 500)).toBeCloseTo((2 / 3) * Math.exp(-0.5), 6)
})

test('two doctors: patients wait as the textbook says', () => {
  const line = stable({ ...patients, servers: 2 })
  expect(line.presentMean).toBeCloseTo(3 / 4, 10)
  expect(line.waitMsMean).toBeCloseTo(1_000 / 24, 8)
  expect(line.responseMsMean).toBeCloseTo(1_000 * (3 / 8), 8)
  // Its formula in section 17.6: e^(−μt)·(1 + C·(1 − e^(−μt(s−1−λ/μ))) / (s−1−λ/μ)), here with C = 1/6 and s−1−λ/μ = 1/3.
  const book = (hours: number): number => Math.exp(-3 * hours) * (1 + (1 / 6) * 3 * (1 - Math.exp(-hours)))
  expect(beyond(line.responseMsAt, 500)).toBeCloseTo(book(0.5), 6)
  expect(beyond(line.responseMsAt, 1_000)).toBeCloseTo(book(1), 6)
  expect(beyond(line.waitMsAt, 500)).toBeCloseTo(Math.exp(-2) / 6, 6)
})

// Tanner's call centre again (mitan.co.uk/erlang): 8 s on average, 84.6 % within 15 s.
test('a call centre answers as quickly as the worked example', () => {
  const line = stable({ servers: 55, arrivalsPerSecond: 0.2, serviceMs: 240_000 })
  expect(line.waitMsMean).toBeCloseTo(8_184, -1)
  expect(line.waitMsAt(84.6)).toBeCloseTo(15_000, -2.5)
})

test('says that a line without end has no steady state', () => {
  expect(waitingLine({ servers: 2, arrivalsPerSecond: 10, serviceMs: 200 })).toEqual({
    state: 'overloaded',
    utilisation: 1,
  })
})

test('the percentile of the response does not break where waiting and service are equally fast', () => {
  // θ = cμ − λ = μ for one server less than fully used: c = 2, λ = μ.
  const at = (arrivalsPerSecond: number): number =>
    stable({ servers: 2, arrivalsPerSecond, serviceMs: 1_000 }).responseMsAt(95)
  expect(at(1 + 1e-10)).toBeCloseTo(at(1), 4)
  expect(at(1 - 1e-10)).toBeCloseTo(at(1), 4)
  expect(at(1 + 1e-5)).toBeCloseTo(at(1), 0)
})

test('percentiles are those of a simulated line', () => {
  const random = seededRandom(11)
  const free = [0, 0, 0]
  const responses: number[] = []
  for (let i = 0, nowMs = 0; i < 60_000; i++) {
    nowMs += random.exponential(1_000 / 25)
    const first = free.indexOf(Math.min(...free))
    free[first] = Math.max(nowMs, free[first] as number) + random.exponential(100)
    responses.push((free[first] as number) - nowMs)
  }
  const sorted = responses.toSorted((a, b) => a - b)
  const line = stable({ servers: 3, arrivalsPerSecond: 25, serviceMs: 100 })
  for (const percentile of [50, 90, 99]) {
    const simulated = sorted[Math.floor((percentile / 100) * sorted.length)] as number
    expect(Math.abs(line.responseMsAt(percentile) / simulated - 1)).toBeLessThan(0.08)
  }
})

test('percentiles grow with the percentage, and a response lasts at least as long as its wait', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0.05, max: 0.99, noNaN: true }),
      fc.double({ min: 1, max: 98.9, noNaN: true }),
      (servers, utilisation, percentile) => {
        const line = stable({ servers, arrivalsPerSecond: servers * utilisation * 10, serviceMs: 100 })
        expect(line.responseMsAt(percentile)).toBeGreaterThan(line.waitMsAt(percentile))
        expect(line.responseMsAt(percentile + 1)).toBeGreaterThan(line.responseMsAt(percentile))
      },
    ),
  )
})

/** The share beyond a time, from percentiles: what a table prints. */
function beyond(at: (percentile: number) => number, ms: number): number {
  let low = 0
  let high = 100 - 1e-9
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (at(middle) < ms) low = middle
    else high = middle
  }
  return 1 - low / 100
}
