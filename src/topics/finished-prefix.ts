/** Numbers from 1, finished in any order: how far there is no gap. */
export interface FinishedPrefix {
  finish(sequence: number): void
  /** The last number before the first that is not finished; 0 at first. */
  readonly upTo: number
}

/** Holds the numbers beyond the first gap only. */
export function createFinishedPrefix(): FinishedPrefix {
  const beyond = new Set<number>()
  let upTo = 0
  return {
    get upTo() {
      return upTo
    },
    finish(sequence) {
      beyond.add(sequence)
      while (beyond.delete(upTo + 1)) upTo++
    },
  }
}

/** Events read beyond the first that is not finished; then it is waited for, however many keys could go on. */
export const AHEAD_MAX = 10_000
