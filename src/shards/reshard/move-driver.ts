import type { Cancel, Clock } from '../../core/clock.ts'
import { systemClock } from '../../core/clock.ts'
import { isResting } from './move.ts'
import type { Move } from './move-store.ts'
import type { Resharder } from './resharder.ts'

/** Drives the moves of a database that have something to do, in the order in which they were asked for. */
export interface MoveDriver {
  start(): void
  /** Looks at once, because something was asked for. */
  wake(): void
  /** Resolves when nothing is driven any more; what was under way goes on after the next start. */
  stop(): Promise<void>
}

/** @see createMoveDriver */
export interface MoveDriverOptions {
  readonly resharder: Pick<Resharder, 'list' | 'drive'>
  /** How many are driven at a time. @default 1 */
  readonly parallel?: number
  /** Told what a move could not be driven for. */
  readonly onTrouble: (move: number, error: unknown) => void
  /** @default the machine's clock */
  readonly clock?: Clock
}

const INTERVAL_MS = 5_000

/** Makes one; nothing happens before `start`. */
export function createMoveDriver({
  resharder,
  parallel = 1,
  onTrouble,
  clock = systemClock,
}: MoveDriverOptions): MoveDriver {
  const driven = new Map<number, Promise<void>>()
  const over = new AbortController()
  let cancel: Cancel | undefined
  let looking: Promise<void> | undefined
  let isAsked = false

  function look(): void {
    if (over.signal.aborted || cancel === undefined) return
    isAsked = looking !== undefined
    looking ??= begin().finally(() => {
      looking = undefined
      if (isAsked) look()
    })
  }

  async function begin(): Promise<void> {
    let moves: readonly Move[] = []
    try {
      moves = await resharder.list('open')
    } catch {
      // The first shard is away, which its own state says; the next look is soon.
    }
    for (const { id } of moves.filter(hasWork)) {
      if (driven.size >= parallel || over.signal.aborted) return
      if (!driven.has(id)) driven.set(id, drive(id))
    }
  }

  async function drive(id: number): Promise<void> {
    try {
      await resharder.drive(id, over.signal)
      driven.delete(id)
      look()
    } catch (error) {
      // Not at once again: the next look is soon enough.
      driven.delete(id)
      if (!over.signal.aborted) onTrouble(id, error)
    }
  }

  return {
    start() {
      cancel ??= clock.every(INTERVAL_MS, look, { unref: true })
      look()
    },
    wake: look,
    async stop() {
      over.abort()
      cancel?.()
      await Promise.all([looking, ...driven.values()])
    },
  }
}

/** Who rests with a wish has not heard it yet; a claim that was left keeps everybody waiting. */
function hasWork({ state, wish }: Move): boolean {
  return wish !== undefined || !isResting(state) || (state.claim !== undefined && state.step === 'flipping')
}
