import { expect, test } from 'vitest'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { createPartitionWait } from '../../src/topics/partition-wait.ts'

test('a wait doubles while nothing comes, and ends when it is woken, also before it began', async () => {
  const clock = virtualClock()
  const stop = new AbortController()
  const waiting = createPartitionWait({ clock, pauseMinMs: 100, pauseMaxMs: 300, signal: stop.signal })
  let count = 0
  const wait = (): void => void waiting.wait().then(() => count++)
  for (const [pauseMs, expected] of [
    [100, 1],
    [200, 2],
    [300, 3],
    [300, 4],
  ] as const) {
    wait()
    await clock.advance(pauseMs - 1)
    expect(count).toBe(expected - 1)
    await clock.advance(1)
    expect(count).toBe(expected)
  }
  waiting.reset()
  wait()
  await clock.advance(100)
  expect(count).toBe(5)
  waiting.wake()
  wait()
  await clock.advance(0)
  expect(count).toBe(6)
  wait()
  await clock.advance(1)
  waiting.wake()
  await clock.advance(0)
  expect(count).toBe(7)
  wait()
  stop.abort()
  await clock.advance(0)
  expect(count).toBe(8)
  expect(clock.pending).toBe(0)
})
