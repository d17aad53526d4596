import { describe, expect, test } from 'vitest'
import { createFrameStore } from '../../src/control/frame-store.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const frameAt = (atEpochMs: number): MetricFrame => ({
  atEpochMs,
  source: 'host',
  samples: [{ name: 'system.cpu.utilization', value: 0.5 }],
})

async function take(frames: AsyncIterable<MetricFrame>, count: number): Promise<number[]> {
  const times: number[] = []
  for await (const { atEpochMs } of frames) {
    times.push(atEpochMs)
    if (times.length === count) break
  }
  return times
}

describe('keeping', () => {
  test('keeps fifteen minutes and lets the oldest go', async () => {
    const clock = virtualClock()
    const store = createFrameStore({ clock })
    for (let second = 0; second < 1_000; second++) {
      store.append(frameAt(second * 1_000))
      await clock.advance('1s')
    }

    const kept = store.since(Number.NEGATIVE_INFINITY)
    expect(kept[0]?.atEpochMs).toBe(99_000)
    expect(kept).toHaveLength(901)
  })

  test('keeps to its memory, whatever comes', () => {
    const store = createFrameStore({ clock: virtualClock(), bytesMax: 10_000 })
    for (let second = 0; second < 10_000; second++) store.append(frameAt(second))

    expect(store.bytes).toBeLessThanOrEqual(10_000)
    expect(store.count).toBe(20)
    expect(store.since(9_998)).toHaveLength(1)
  })

  test('lets frames go also when the wall clock was set back', async () => {
    const clock = virtualClock()
    const store = createFrameStore({ clock, keepMs: 10_000 })
    store.append(frameAt(1_000_000))
    await clock.advance('11s')
    store.append(frameAt(5))

    expect(store.since(0).map(({ atEpochMs }) => atEpochMs)).toEqual([5])
  })

  test('refuses a frame that is not of the table, and stays as it was', () => {
    const store = createFrameStore({ clock: virtualClock() })

    expect(() => store.append({ atEpochMs: 0, source: 'host', samples: [{ name: 'mine', value: 1 }] })).toThrow(
      expect.objectContaining({ code: 'TF_METRIC_UNKNOWN' }),
    )
    expect(store.count).toBe(0)
  })
})

describe('watching', () => {
  test('gives every frame from the call on', async () => {
    const store = createFrameStore({ clock: virtualClock() })
    store.append(frameAt(1))
    const watch = store.watch()
    store.append(frameAt(2))
    const two = take(watch, 2)
    store.append(frameAt(3))

    expect(await two).toEqual([2, 3])
  })

  test('begins in the past when asked, and goes on with what comes', async () => {
    const store = createFrameStore({ clock: virtualClock() })
    for (const at of [1, 2, 3]) store.append(frameAt(at))
    const watch = take(store.watch({ sinceEpochMs: 1 }), 4)
    store.append(frameAt(4))
    // Its clock was set back; it is new all the same.
    store.append(frameAt(0))

    expect(await watch).toEqual([2, 3, 4, 0])
  })

  test('lets a slow reader miss what has left', async () => {
    const store = createFrameStore({ clock: virtualClock(), bytesMax: 1_500 })
    const watch = store.watch()
    for (let at = 0; at < 100; at++) store.append(frameAt(at))

    expect(await take(watch, 3)).toEqual([97, 98, 99])
  })

  test('ends with its signal, or with the store after the last frame', async () => {
    const store = createFrameStore({ clock: virtualClock() })
    const controller = new AbortController()
    const first = take(store.watch({ signal: controller.signal }), 5)
    const second = take(store.watch(), 5)
    controller.abort()
    store.append(frameAt(1))
    store.close()

    expect(await first).toEqual([])
    expect(await second).toEqual([1])
  })
})
