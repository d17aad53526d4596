/** Events in virtual time. Events of one moment happen in the order in which they were asked for. */
export interface Agenda {
  readonly nowMs: number
  after(delayMs: number, happen: () => void): void
  /** Lets everything happen that is due until then. */
  runUntil(ms: number): void
}

interface Entry {
  readonly dueMs: number
  readonly happen: () => void
}

/** Without promises, for simulations of hundreds of seeds within seconds. */
export function createAgenda(): Agenda {
  const entries: Entry[] = []
  let nowMs = 0
  return {
    get nowMs() {
      return nowMs
    },
    after(delayMs, happen) {
      const dueMs = nowMs + delayMs
      let index = entries.length
      while (index > 0 && entries[index - 1]!.dueMs <= dueMs) index--
      // The next one is the last of the array.
      entries.splice(index, 0, { dueMs, happen })
    },
    runUntil(ms) {
      for (let next = entries.at(-1); next !== undefined && next.dueMs <= ms; next = entries.at(-1)) {
        entries.pop()
        nowMs = next.dueMs
        next.happen()
      }
      nowMs = ms
    },
  }
}
