import type { Deadlined, DeadlineList } from './deadline-list.ts'
import { createDeadlineList } from './deadline-list.ts'

/** How far apart two deadlines can be and still be ended together. */
const TICK_MS = 50

/**
 * Deadlines that lie any time ahead: those that fall due in the same 50 ms share a list. They end at most that much late,
 * never early.
 */
export interface DeadlineWheel {
  /** Sets the item's deadline, in place of one that it had anywhere; `item.list.cancel` takes it back. */
  set(item: Deadlined, dueMs: number): void
  /** Ends every wait that is due. */
  sweep(nowMs: number): void
}

export function createDeadlineWheel(): DeadlineWheel {
  const ticks = new Map<number, DeadlineList>()
  let sweptTo = -Infinity

  function end(tick: number): void {
    const list = ticks.get(tick)
    ticks.delete(tick)
    // All of them are due; the order in which they were set says nothing about it.
    list?.sweep(Infinity)
  }

  return {
    set(item, dueMs) {
      // What is due already is met by the next sweep.
      const tick = Math.max(Math.ceil(dueMs / TICK_MS), sweptTo + 1)
      let list = ticks.get(tick)
      if (list === undefined) {
        list = createDeadlineList(0)
        ticks.set(tick, list)
      }
      list.set(item, dueMs)
    },
    sweep(nowMs) {
      const [first, last] = [sweptTo + 1, Math.floor(nowMs / TICK_MS)]
      if (last < first) return
      // Before, so that what is set meanwhile waits for the next sweep.
      sweptTo = last
      if (last - first < ticks.size) for (let tick = first; tick <= last; tick++) end(tick)
      else for (const tick of ticks.keys()) if (tick <= last) end(tick)
    },
  }
}
