import type { Random } from '../../src/core/random.ts'

/** A search for defects that takes as long as it is given. Run with `npm run test:long -- NAME --minutes N --seed S`. */
export interface Hunt {
  readonly name: string
  /** One line, for the list. */
  readonly description: string
  run(context: HuntContext): Promise<HuntOutcome>
}

export interface HuntContext {
  /** All chance comes from here: the same seed hunts in the same way, as far as the machine does. */
  readonly random: Random
  /** What `random` comes from, for hunts that count seeds. */
  readonly seed: number
  /** So many of them at most; undefined: as many as the time is for. */
  readonly seeds?: number | undefined
  /** Aborted when the time is over, or by Ctrl-C: finish the round and judge. */
  readonly signal: AbortSignal
  readonly log: (text: string) => void
}

export interface HuntOutcome {
  readonly figures: Readonly<Record<string, number>>
  /** What was found, for people; empty: nothing. */
  readonly defects: readonly string[]
}
