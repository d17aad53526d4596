import type { WorkMeter } from './work-meter.ts'

/** A number of places for work; whoever finds none waits for one. */
export interface WorkPlaces {
  /**
   * Runs work in a place, in the order in which places are asked for.
   *
   * @param isAgain it has had its turn before: it goes before those that have not
   */
  run<Result>(work: () => Promise<Result>, isAgain?: boolean): Promise<Result>
}

/** Makes `count` places; the meter, if there is one, is told while somebody waits for one. */
export function createWorkPlaces(count: number, meter?: WorkMeter): WorkPlaces {
  const waiting: (() => void)[] = []
  const waitingAgain: (() => void)[] = []
  const isWaited = meter?.reason()
  let free = count
  return {
    async run(work, isAgain = false) {
      if (free > 0) free--
      else {
        isWaited?.set(true)
        await new Promise<void>((resolve) => (isAgain ? waitingAgain : waiting).push(resolve))
      }
      try {
        return await work()
      } finally {
        const next = waitingAgain.shift() ?? waiting.shift()
        isWaited?.set(waitingAgain.length + waiting.length > 0)
        if (next === undefined) free++
        else next()
      }
    },
  }
}
