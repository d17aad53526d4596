import { expect, it } from 'vitest'
import type { Waiter } from '../../../src/gateway/limits/waiting-queue.ts'
import { createWaitingQueue } from '../../../src/gateway/limits/waiting-queue.ts'

function waiter(onWaitedTooLong: () => void = () => undefined): Waiter {
  return {
    waitingSinceMs: 0,
    balanceKey: undefined,
    isMatched: false,
    onTurn: () => undefined,
    onNobody: () => undefined,
    onWaitedTooLong,
  }
}

it('takes as many as it may, in order, and one more when one has gone', () => {
  const queue = Object.assign(createWaitingQueue(), { lengthMax: 2 })
  const [a, b, c] = [waiter(), waiter(), waiter()]
  expect([a, b, c].map((each) => queue.add(each, 0))).toEqual([true, true, false])
  expect([...queue]).toEqual([a, b])
  queue.delete(a)
  expect(queue.add(c, 0)).toBe(true)
  expect([...queue]).toEqual([b, c])
})

it('takes nobody where it may have none', () => {
  expect(createWaitingQueue().add(waiter(), 0)).toBe(false)
})

it('ends the waits that are too long, and no others', () => {
  const queue = Object.assign(createWaitingQueue(), { lengthMax: 10, timeoutMs: 100 })
  const late: string[] = []
  queue.add(
    waiter(() => late.push('first')),
    0,
  )
  queue.add(
    waiter(() => late.push('second')),
    50,
  )
  queue.sweep(99)
  expect(late).toEqual([])
  queue.sweep(100)
  expect(late).toEqual(['first'])
  expect(queue.length).toBe(1)
  queue.sweep(150)
  expect(late).toEqual(['first', 'second'])
  expect(queue.length).toBe(0)
})

it('lets a retry of one that is late wait anew', () => {
  const queue = Object.assign(createWaitingQueue(), { lengthMax: 10, timeoutMs: 100 })
  let rounds = 0
  const again = waiter(() => {
    rounds += 1
    if (rounds < 3) queue.add(again, 100)
  })
  queue.add(again, 0)
  queue.sweep(100)
  expect(rounds).toBe(1)
  expect(queue.length).toBe(1)
})
