import type { Upstream } from '../upstream/upstream.ts'

/** A request that waits for an instance. */
export interface Waiter {
  /** When it began to wait; the queue's. */
  waitingSinceMs: number
  /** What a ring hash goes by. */
  readonly balanceKey: number | undefined
  /** It is for the canary, whatever its share. */
  readonly isMatched: boolean
  /** An instance has room, and a place in it is taken. */
  onTurn(upstream: Upstream): void
  /** There is no instance any more. */
  onNobody(): void
  /** It has waited as long as a request may. */
  onWaitedTooLong(): void
}

/** Requests in the order in which they came, so many and for so long at most. */
export interface WaitingQueue extends Iterable<Waiter> {
  readonly length: number
  lengthMax: number
  timeoutMs: number
  /** False when it is full. */
  add(waiter: Waiter, nowMs: number): boolean
  delete(waiter: Waiter): void
  /** Ends every wait that is too long. */
  sweep(nowMs: number): void
}

export function createWaitingQueue(): WaitingQueue {
  const waiters = new Set<Waiter>()
  return {
    lengthMax: 0,
    timeoutMs: Infinity,
    get length() {
      return waiters.size
    },
    add(waiter, nowMs) {
      if (waiters.size >= this.lengthMax) return false
      waiter.waitingSinceMs = nowMs
      waiters.add(waiter)
      return true
    },
    delete: (waiter) => void waiters.delete(waiter),
    sweep(nowMs) {
      for (const waiter of waiters) {
        if (waiter.waitingSinceMs + this.timeoutMs > nowMs) return
        waiters.delete(waiter)
        waiter.onWaitedTooLong()
      }
    },
    [Symbol.iterator]: () => waiters[Symbol.iterator](),
  }
}
