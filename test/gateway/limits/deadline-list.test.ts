import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Deadlined, DeadlineList } from '../../../src/gateway/limits/deadline-list.ts'
import { createDeadlineList } from '../../../src/gateway/limits/deadline-list.ts'

function item(fired: Deadlined[]): Deadlined {
  const self: Deadlined = {
    dueMs: 0,
    earlier: undefined,
    later: undefined,
    list: undefined,
    onDeadline: () => void fired.push(self),
  }
  return self
}

describe('a deadline list', () => {
  it('ends a wait when it is due and not before, once', () => {
    const fired: Deadlined[] = []
    const list = createDeadlineList(100)
    const waiting = item(fired)
    list.set(waiting, 5)
    list.sweep(104)
    expect(fired).toEqual([])
    list.sweep(105)
    list.sweep(1_000)
    expect(fired).toEqual([waiting])
  })

  it('moves an item from one list to another', () => {
    const fired: Deadlined[] = []
    const [short, long] = [createDeadlineList(10), createDeadlineList(1_000)]
    const waiting = item(fired)
    short.set(waiting, 0)
    long.set(waiting, 5)
    short.sweep(500)
    expect(fired).toEqual([])
    short.cancel(waiting)
    long.sweep(1_005)
    expect(fired).toEqual([waiting])
  })

  it('lets an item that is due end others', () => {
    const fired: Deadlined[] = []
    const list: DeadlineList = createDeadlineList(10)
    const other = item(fired)
    list.set({ ...item(fired), onDeadline: () => list.cancel(other) }, 0)
    list.set(other, 0)
    list.sweep(10)
    expect(fired).toEqual([])
  })

  it('does what a plain map of deadlines does', () => {
    const step = fc.record({ index: fc.nat(5), action: fc.constantFrom('set', 'cancel'), waitMs: fc.nat(40) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const fired: Deadlined[] = []
        const list = createDeadlineList(50)
        const items = Array.from({ length: 6 }, () => item(fired))
        const model = new Map<Deadlined, number>()
        let nowMs = 0
        for (const { index, action, waitMs } of steps) {
          nowMs += waitMs
          list.sweep(nowMs)
          const expected = [...model].filter(([, dueMs]) => dueMs <= nowMs).map(([each]) => each)
          expect(new Set(fired.splice(0))).toEqual(new Set(expected))
          for (const each of expected) model.delete(each)
          const chosen = items[index]!
          if (action === 'set') {
            list.set(chosen, nowMs)
            model.set(chosen, nowMs + 50)
          } else {
            list.cancel(chosen)
            model.delete(chosen)
          }
        }
      }),
    )
  })
})
