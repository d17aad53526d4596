import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, expect, test } from 'vitest'
import { sleep } from '../../src/core/clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { Performer, PerformOptions } from '../../src/topics/perform.ts'
import type { StoredEvent } from '../../src/topics/topic-log.ts'
import { createWorkMeter } from '../../src/topics/work-meter.ts'
import { createWorkPlaces } from '../../src/topics/work-places.ts'
import type { WorkReport } from '../../src/topics/work-report.ts'
import { reportWork, WORK_CHANNEL } from '../../src/topics/work-report.ts'

const reports: WorkReport[] = []
const keep = (message: unknown): void => void reports.push(message as WorkReport)

afterEach(() => {
  unsubscribe(WORK_CHANNEL, keep)
  reports.length = 0
})

/** A consumer with two places, whose handler takes 100 ms. */
function stage() {
  subscribe(WORK_CHANNEL, keep)
  const clock = virtualClock()
  const meter = createWorkMeter(clock)
  const places = createWorkPlaces(2, meter)
  let isKnown = false
  const performer: Performer = {
    async perform(events) {
      await sleep(clock, 100)
      if (events.length === 0) throw new Error('nothing to do')
      return { isCommitted: false, handled: isKnown ? 0 : events.length }
    },
  }
  const reporting = reportWork(performer, { topic: 'orders', group: 'billing', meter, clock })
  const options = (attempt: number): PerformOptions => ({ attempt, claim: {} as PerformOptions['claim'], sequence: 1 })
  const call = (events: number, attempt = 1): Promise<unknown> =>
    places.run(() => reporting.perform(Array<StoredEvent>(events), options(attempt))).catch(() => undefined)
  return { clock, meter, call, knowAll: () => void (isKnown = true) }
}

const sum = (of: (report: WorkReport) => number): number => reports.reduce((total, report) => total + of(report), 0)

test('what a consumer can do is what it did while something waited', async () => {
  const { clock, call } = stage()
  const calls = Array.from({ length: 10 }, () => call(1))
  await clock.advance(1_000)
  await Promise.all(calls)
  expect(sum(({ events }) => events)).toBe(10)
  // Two at once, 100 ms each: the last two were not waited behind.
  expect([sum(({ busyMs }) => busyMs), sum(({ busyEvents }) => busyEvents)]).toEqual([400, 8])
})

test('a consumer that does what comes says nothing of what it could do', async () => {
  const { clock, call } = stage()
  for (let n = 0; n < 5; n++) {
    const calls = [call(1), call(1)]
    await clock.advance(200)
    await Promise.all(calls)
  }
  expect(reports.map(({ busyMs, busyEvents, durationMs }) => [busyMs, busyEvents, durationMs])).toEqual(
    Array.from({ length: 10 }, () => [0, 0, 100]),
  )
})

test('a call that began before there was more to do counts for the rest of its time', async () => {
  const { clock, meter, call } = stage()
  const called = call(10)
  await clock.advance(60)
  const isBehind = meter.reason()
  isBehind.set(true)
  isBehind.set(true)
  await clock.advance(40)
  await called
  isBehind.set(false)
  await clock.advance(500)
  expect(reports).toMatchObject([{ events: 10, busyMs: 40, busyEvents: 4, outcome: 'done' }])
  expect(meter.busyMs()).toBe(40)
})

test('a call that fails has done nothing, and a further try is one', async () => {
  const { clock, meter, call } = stage()
  meter.reason().set(true)
  const calls = [call(0), call(1, 3)]
  await clock.advance(100)
  await Promise.all(calls)
  expect(reports).toMatchObject([
    { outcome: 'failed', isRetry: false, busyEvents: 0 },
    { outcome: 'done', isRetry: true, busyEvents: 1 },
  ])
})

test('what was done before, and is left out now, says nothing of what a consumer can do', async () => {
  const { clock, meter, call, knowAll } = stage()
  meter.reason().set(true)
  knowAll()
  const called = call(5)
  await clock.advance(100)
  await called
  expect(reports).toMatchObject([{ outcome: 'done', events: 5, busyMs: 100, busyEvents: 0 }])
})
