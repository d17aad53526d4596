import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { EXIT } from './command.ts'

/** What the outside asks of a command that runs. */
export interface Interruption {
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP, when the launcher is gone, or when nobody reads our output. */
  readonly signal: AbortSignal
  /** Aborted by a later one: whoever waits has no patience left. */
  readonly hurry: AbortSignal
  /** As if a signal had arrived. */
  interrupt(): void
}

/**
 * One Ctrl-C arrives several times: the terminal sends it to us, to npm and to the launcher, and both of those pass it
 * on. What arrives within this time is therefore one wish.
 */
const ONE_WISH_MS = 1_000

/** Makes the steps of an interruption: in order, then at once, then `giveUp`. */
export function createInterruption(giveUp: () => void, clock: Clock = systemClock): Interruption {
  const steps = [new AbortController(), new AbortController()] as const
  let taken = 0
  let lastMs = Number.NEGATIVE_INFINITY
  return {
    signal: steps[0].signal,
    hurry: steps[1].signal,
    interrupt() {
      const nowMs = clock.nowMs()
      if (nowMs - lastMs < ONE_WISH_MS) return
      lastMs = nowMs
      const step = steps[taken++]
      if (step === undefined) giveUp()
      else step.abort()
    },
  }
}

/** The interruption of this process. The third wish ends it, whatever it is doing. */
export function processInterruption(): Interruption {
  const interruption = createInterruption(() => process.exit(EXIT.interrupted))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.interrupt())
  if (process.channel) process.once('disconnect', () => interruption.interrupt())
  return interruption
}
