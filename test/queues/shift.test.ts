import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { sleep } from '../../src/core/clock.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { ClaimedItem, QueueEngine, QueueWorker } from '../../src/queues/queue-engine.ts'
import type { HandledItems } from '../../src/queues/queue-report.ts'
import { HANDLED_CHANNEL } from '../../src/queues/queue-report.ts'
import type { Shift } from '../../src/queues/shift.ts'
import { createShift } from '../../src/queues/shift.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { retryPolicy } from '../../src/topics/retry-policy.ts'

function item(number: number): ClaimedItem {
  return {
    itemId: String(number),
    payload: '1',
    priority: 'normal',
    headers: {},
    key: undefined,
    enqueuedEpochMs: 0,
    dueEpochMs: 0,
    attempt: 1,
    claim: String(number),
    signal: new AbortController().signal,
  }
}

/** A worker for twenty items, two at once. */
function work(clock: Clock, handle: (signal: AbortSignal) => Promise<void>): Promise<Shift> {
  const waiting = Array.from({ length: 20 }, (_, number) => item(number))
  const worker: Partial<QueueWorker> = {
    claim: async (max) => waiting.splice(0, max),
    complete: async () => [],
    giveBack: async () => undefined,
    leave: async () => undefined,
  }
  const engine: Partial<QueueEngine> = { join: async () => worker as QueueWorker, onWake: () => () => undefined }
  return createShift({
    engine: engine as QueueEngine,
    queue: 'mails',
    performer: {
      async perform(_items, { signal }) {
        await handle(signal)
        return { isCompleted: true }
      },
    },
    policy: retryPolicy(),
    concurrency: 2,
    batchMax: 1,
    timeoutMs: undefined,
    clock,
    random: seededRandom(1),
  })
}

test('a worker tells what it could do: what it did while more was there than it could begin', async () => {
  const clock = virtualClock()
  const reports: HandledItems[] = []
  const keep = (message: unknown): void => void reports.push(message as HandledItems)
  subscribe(HANDLED_CHANNEL, keep)
  onTestFinished(() => void unsubscribe(HANDLED_CHANNEL, keep))
  const shift = await work(clock, async () => void (await sleep(clock, 100)))
  await clock.advance(3_000)
  const busy = reports.reduce((sum, { busyMs }) => sum + busyMs, 0)
  const done = reports.reduce((sum, { busyCount }) => sum + busyCount, 0)
  expect(reports).toHaveLength(20)
  // Two at once, 100 ms each.
  expect(done / (busy / 1_000)).toBeCloseTo(20, 5)
  expect(busy).toBeGreaterThan(500)
  await shift.end(1_000)
})

test('nothing listens to the signal of a call that is over: it would be kept as long as the worker works', async () => {
  const clock = virtualClock()
  const signals: AbortSignal[] = []
  const shift = await work(clock, async (signal) => void signals.push(signal))
  await clock.advance(1_000)
  expect(signals).toHaveLength(20)
  expect(signals.flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([])
  await shift.end(1_000)
})
