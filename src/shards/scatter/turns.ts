import { TenfoldError } from '../../core/errors.ts'

/** Lets so many at a time work, and the others wait, in the order they came. */
export interface Turns {
  /** @throws TF_SHARD_BUSY too many wait already */
  take<R>(work: () => Promise<R>): Promise<R>
}

export function createTurns(limits: { readonly atOnce: number; readonly waitingMax: number }): Turns {
  const waiting: (() => void)[] = []
  let working = 0
  return {
    async take(work) {
      if (working >= limits.atOnce) {
        if (waiting.length >= limits.waitingMax) throw busy(waiting.length)
        // Whoever ends hands his place on.
        await new Promise<void>((resolve) => waiting.push(resolve))
      } else working++
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) working--
        else next()
      }
    },
  }
}

function busy(waiting: number): TenfoldError {
  return new TenfoldError(
    'TF_SHARD_BUSY',
    `expected room for one more query over all shards, but ${waiting} wait already`,
    {
      hint: 'ask for less at once; what is asked often belongs into a table of its own, or a cache',
      details: { waiting },
    },
  )
}
