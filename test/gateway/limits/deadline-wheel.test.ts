import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Deadlined } from '../../../src/gateway/limits/deadline-list.ts'
import { createDeadlineList } from '../../../src/gateway/limits/deadline-list.ts'
import { createDeadlineWheel } from '../../../src/gateway/limits/deadline-wheel.ts'

function item(onDeadline: () => void): Deadlined {
  return { dueMs: 0, earlier: undefined, later: undefined, list: undefined, onDeadline }
}

describe('a deadline wheel', () => {
  it('ends each wait once, never early and at most 50 ms late, whatever the order they are set and swept in', () => {
    const step = fc.record({
      waitMs: fc.nat(300),
      aheadMs: fc.integer({ min: -20, max: 2_000 }),
      isCancelled: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.array(step, { maxLength: 50 }), (startMs, steps) => {
        const wheel = createDeadlineWheel()
        const fired: number[] = []
        const waiting = new Map<number, Deadlined>()
        let nowMs = startMs
        for (const [index, { waitMs, aheadMs, isCancelled }] of steps.entries()) {
          nowMs += waitMs
          wheel.sweep(nowMs)
          for (const each of fired.splice(0)) {
            expect(waiting.get(each)!.dueMs).toBeLessThanOrEqual(nowMs)
            waiting.delete(each)
          }
          for (const { dueMs } of waiting.values()) expect(dueMs).toBeGreaterThan(nowMs - 50 - waitMs)
          const set = item(() => void fired.push(index))
          wheel.set(set, nowMs + aheadMs)
          if (isCancelled) set.list?.cancel(set)
          else waiting.set(index, set)
        }
        wheel.sweep(nowMs + 2_050)
        expect(fired.sort()).toEqual([...waiting.keys()].sort())
      }),
    )
  })

  it('takes an item over from a list, and gives it to one', () => {
    let fired = 0
    const [wheel, list] = [createDeadlineWheel(), createDeadlineList(10)]
    const waiting = item(() => void (fired += 1))
    list.set(waiting, 0)
    wheel.set(waiting, 1_000)
    list.sweep(500)
    expect(fired).toBe(0)
    list.set(waiting, 600)
    wheel.sweep(2_000)
    expect(fired).toBe(0)
    list.sweep(610)
    expect(fired).toBe(1)
  })

  it('keeps what is set while it sweeps for the next sweep', () => {
    let fired = 0
    const wheel = createDeadlineWheel()
    const again = item(() => void (fired += 1))
    wheel.set(
      item(() => wheel.set(again, 0)),
      100,
    )
    wheel.sweep(200)
    expect(fired).toBe(0)
    wheel.sweep(250)
    expect(fired).toBe(1)
  })
})
