/** Which statements of one session the server keeps prepared, and under which names. */
export interface PreparedNames {
  /** The name to send a statement under, if it has come often enough to be worth one. */
  nameOf(text: string): string | undefined
  /** The server does not know the name any more, or what it has planned is no longer right: the text begins anew. */
  forget(text: string, name: string): void
}

/** From this use on a statement has a name; as in the driver of Java, one that is sent a few times only would cost more. */
const USES_MIN = 5
/** The server keeps so many; for another the one that was not used for longest is dropped. */
const NAMES_MAX = 100
/** The driver remembers every name for as long as the session lives. */
const NAMES_EVER_MAX = 10_000
/** Texts without a name that are counted. */
const COUNTED_MAX = 1_000

/** @param drop tells the server to forget a name */
export function createPreparedNames(drop: (name: string) => void): PreparedNames {
  const counted = new Map<string, number>()
  const named = new Map<string, { readonly name: string; usedAt: number }>()
  let uses = 0
  let namesEver = 0

  function dropOldest(): void {
    let oldest: string | undefined
    let oldestUse = Infinity
    for (const [text, { usedAt }] of named) {
      if (usedAt >= oldestUse) continue
      oldest = text
      oldestUse = usedAt
    }
    if (oldest === undefined) return
    drop((named.get(oldest) as { name: string }).name)
    named.delete(oldest)
  }

  return {
    nameOf(text) {
      const entry = named.get(text)
      if (entry !== undefined) {
        entry.usedAt = ++uses
        return entry.name
      }
      if (namesEver >= NAMES_EVER_MAX) return undefined
      const count = (counted.get(text) ?? 0) + 1
      if (count < USES_MIN) {
        // Texts that a program builds are endless; starting over is cheap.
        if (counted.size >= COUNTED_MAX) counted.clear()
        counted.set(text, count)
        return undefined
      }
      counted.delete(text)
      if (named.size >= NAMES_MAX) dropOldest()
      const name = `tenfold_${++namesEver}`
      named.set(text, { name, usedAt: ++uses })
      return name
    },
    forget(text, name) {
      // Of several that were under way the first has done it.
      if (named.get(text)?.name !== name) return
      named.delete(text)
      drop(name)
    },
  }
}
