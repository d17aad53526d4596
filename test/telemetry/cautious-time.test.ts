import { expect, test } from 'vitest'
import { createCautiousTime } from '../../src/telemetry/cautious-time.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const HOUR_MS = 3_600_000

test('follows a clock that runs, and one that is corrected by seconds', async () => {
  const clock = virtualClock()
  const time = createCautiousTime(clock)
  for (const correctionMs of [0, 900, -2_000, 30_000]) {
    await clock.advance('10m')
    clock.jumpTo(clock.epochMs() + correctionMs)
    expect(time()).toBe(clock.epochMs())
  }
})

test('does not believe a leap forward for an hour, and follows one backward at once', async () => {
  const clock = virtualClock()
  const time = createCautiousTime(clock)
  await clock.advance('1h')
  const beforeMs = clock.epochMs()
  clock.jumpTo(beforeMs + 40 * 24 * HOUR_MS)
  expect(time()).toBe(beforeMs)
  await clock.advance('59m')
  expect(time()).toBe(beforeMs + 59 * 60_000)
  await clock.advance('2m')
  expect(time()).toBe(clock.epochMs())
  clock.jumpTo(beforeMs)
  expect(time()).toBe(beforeMs)
})

test('has lost nothing when a wrong clock is set right again', async () => {
  const clock = virtualClock()
  const time = createCautiousTime(clock)
  const beforeMs = clock.epochMs()
  clock.jumpTo(beforeMs + 5 * HOUR_MS)
  time()
  await clock.advance('30m')
  clock.jumpTo(beforeMs + HOUR_MS / 2)
  expect(time()).toBe(beforeMs + HOUR_MS / 2)
})
