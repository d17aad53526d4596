/** Runs work of one key in the order in which it was added, and work of different keys side by side. */
export interface KeyLanes {
  /** @param key undefined: behind nothing */
  add(key: string | undefined, work: () => Promise<void>): void
  /** Added, and not finished. */
  readonly size: number
  /** Resolves when something has finished, at once if nothing is under way. */
  change(): Promise<void>
}

/** The work must not reject. Who adds has to look at `size`: nothing is refused. */
export function createKeyLanes(): KeyLanes {
  const tails = new Map<string, { readonly isDone: Promise<void> }>()
  let size = 0
  let changed = Promise.withResolvers<void>()
  async function run(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } finally {
      size--
      changed.resolve()
      changed = Promise.withResolvers()
    }
  }
  return {
    get size() {
      return size
    },
    add(key, work) {
      size++
      if (key === undefined) {
        void run(work)
        return
      }
      const before = tails.get(key)?.isDone
      const mine = { isDone: Promise.resolve() }
      tails.set(key, mine)
      mine.isDone = (async () => {
        await before
        await run(work)
        if (tails.get(key) === mine) tails.delete(key)
      })()
    },
    change: () => (size === 0 ? Promise.resolve() : changed.promise),
  }
}
