import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDueQueue } from '../../src/load/due-queue.ts'
import type { Session } from '../../src/load/session.ts'
import { createThinkQueue } from '../../src/load/think-queue.ts'

const sessionOf = (id: number): Session => ({ id }) as unknown as Session

describe('the queue of due requests', () => {
  it('gives them out in the order in which they came', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (pushes) => {
        const queue = createDueQueue(100_000)
        const model: number[] = []
        const got: unknown[] = []
        const expected: unknown[] = []
        pushes.forEach((isPush, index) => {
          if (isPush) {
            queue.push(index, sessionOf(index))
            model.push(index)
          } else if (model.length > 0) {
            got.push([queue.oldestMs, queue.shift(), queue.size])
            const oldest = model.shift() as number
            expected.push([oldest, sessionOf(oldest), model.length])
          }
        })
        expect(got).toEqual(expected)
      }),
    )
  })

  it('keeps the order when it doubles with its head in the middle', () => {
    const queue = createDueQueue(10_000)
    for (let i = 0; i < 1_000; i++) queue.push(i, sessionOf(i))
    for (let i = 0; i < 600; i++) queue.shift()
    for (let i = 1_000; i < 4_000; i++) queue.push(i, sessionOf(i))
    const order: number[] = []
    while (queue.size > 0) {
      order.push(queue.oldestMs)
      queue.shift()
    }
    expect(order).toEqual(Array.from({ length: 3_400 }, (_, index) => index + 600))
    expect(queue.oldestMs).toBe(Number.POSITIVE_INFINITY)
  })

  it('says so when it is full', () => {
    const queue = createDueQueue(2)
    expect([1, 2, 3].map((id) => queue.push(id, sessionOf(id)))).toEqual([true, true, false])
  })
})

describe('the queue of thinking sessions', () => {
  it('gives them out by the time at which they are due', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (times) => {
        const queue = createThinkQueue()
        for (const time of times) queue.push(time, sessionOf(time))
        const out: number[] = []
        while (queue.size > 0) {
          out.push(queue.nextMs)
          expect(queue.pop()).toEqual(sessionOf(out.at(-1) as number))
        }
        expect(out).toEqual(times.toSorted((a, b) => a - b))
        expect(queue.nextMs).toBe(Number.POSITIVE_INFINITY)
      }),
    )
  })
})
