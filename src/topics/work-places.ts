/** A number of places for work; whoever finds none waits for one. */
export interface WorkPlaces {
  /** Runs work in a place, in the order in which places are asked for. */
  run<Result>(work: () => Promise<Result>): Promise<Result>
}

/** Makes `count` places. */
export function createWorkPlaces(count: number): WorkPlaces {
  const waiting: (() => void)[] = []
  let free = count
  return {
    async run(work) {
      if (free > 0) free--
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) free++
        else next()
      }
    },
  }
}
