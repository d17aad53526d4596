import type { Session } from './session.ts'

/** Sessions that pause before their next step, by the time at which it is due. */
export interface ThinkQueue {
  readonly size: number
  /** When the next one is due; Infinity when empty. */
  readonly nextMs: number
  push(dueMs: number, session: Session): void
  /** Takes the one that is due first; read `nextMs` first. */
  pop(): Session
}

interface Entry {
  readonly dueMs: number
  readonly session: Session
}

/** A binary heap; whoever fills it looks at `size` first. */
export function createThinkQueue(): ThinkQueue {
  const heap: Entry[] = []
  const dueAt = (index: number): number => heap[index]?.dueMs ?? Number.POSITIVE_INFINITY

  return {
    get size() {
      return heap.length
    },
    get nextMs() {
      return dueAt(0)
    },
    push(dueMs, session) {
      const entry = { dueMs, session }
      let at = heap.length
      heap.push(entry)
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (dueAt(parent) <= dueMs) break
        heap[at] = heap[parent] as Entry
        at = parent
      }
      heap[at] = entry
    },
    pop() {
      const first = heap[0] as Entry
      const last = heap.pop() as Entry
      if (heap.length === 0) return first.session
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (dueAt(child + 1) < dueAt(child)) child++
        if (dueAt(child) >= last.dueMs) break
        heap[at] = heap[child] as Entry
        at = child
      }
      heap[at] = last
      return first.session
    },
  }
}
