import type { Clock } from '../../core/clock.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import type { TenfoldError } from '../../core/errors.ts'
import { hasCode, messageOf } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { freshSeed, seededRandom, uniqueId } from '../../core/random.ts'
import { isServerError } from '../../sql/sql-failure.ts'
import { settleClaim } from './hand-over.ts'
import { holdMove } from './hold-move.ts'
import type { MoveProblem, MoveState } from './move.ts'
import { directionOf, isResting, moveAfter, moveWished } from './move.ts'
import type { MoveContext } from './move-sides.ts'
import { lost } from './move-sides.ts'
import type { Move, MoveChange, MoveStore } from './move-store.ts'
import { workOn } from './move-work.ts'
import type { ReshardPlaces } from './reshard-places.ts'

/** What moves are driven with. */
export interface MoverOptions {
  readonly places: ReshardPlaces
  readonly store: MoveStore
  /** @default the machine's clock */
  readonly clock?: Clock
  /** Of the jitter between attempts. */
  readonly random?: Random
  /** Called with each state that was saved. */
  readonly onChange?: (move: Move) => void
  /** Called before each effect, with its name: a test stops there for ever, as if it had been killed. */
  readonly onEffect?: (name: string) => Promise<void>
}

/** How often a step is tried again, before an operator has to say so. */
const BLOCKED_MAX = 100
const FAILED_MAX = 5
const RESTARTS_MAX = 10
const PAUSE_MIN_MS = 100
const PAUSE_MAX_MS = 30_000

/**
 * Drives a move until it rests: it has moved, it is over, it is paused, or something stands in its way that does not pass by
 * itself. What somebody has left, in whatever step, goes on.
 *
 * @param signal stops at the next point where that leaves nothing half done
 * @throws TF_MOVE_TAKEN somebody else drives it by now; TF_MOVE_UNKNOWN; TF_ABORTED
 */
export async function driveMove(id: number, options: MoverOptions, signal: AbortSignal): Promise<Move> {
  return new MoveRun(id, options, signal).run()
}

/** Something else is to be done first. */
class Interrupted extends Error {}

class MoveRun {
  readonly #id: number
  readonly #options: MoverOptions
  readonly #signal: AbortSignal
  readonly #clock: Clock
  readonly #random: Random
  readonly #holder = uniqueId()
  #move: Move | undefined
  #isHeld = false

  constructor(id: number, options: MoverOptions, signal: AbortSignal) {
    this.#id = id
    this.#options = options
    this.#signal = signal
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? seededRandom(freshSeed())
  }

  async run(): Promise<Move> {
    let failures = 0
    for (;;) {
      this.#signal.throwIfAborted()
      try {
        const move = await this.#take()
        if (await this.#settle()) continue
        if (isResting(move.state)) return move
        await this.#work()
        failures = 0
      } catch (error) {
        if (error instanceof Interrupted) continue
        if (hasCode(error, 'TF_MOVE_TAKEN') || hasCode(error, 'TF_MOVE_UNKNOWN') || this.#signal.aborted) throw error
        if (this.#move === undefined && ++failures >= BLOCKED_MAX) throw error
        if (hasCode(error, 'TF_MOVE_LOST') && (await this.#begunAnew(error as TenfoldError))) continue
        const problem = this.#hopeful(problemOf(error, ++failures))
        await this.#note(problem)
        if (!problem.isFinal) await sleep(this.#clock, this.#pauseMs(failures), this.#signal)
      }
    }
  }

  /** Has the present record, with what an operator wishes, under our name. */
  async #take(): Promise<Move> {
    const { store } = this.#options
    const move = await store.read(this.#id)
    if (this.#move !== undefined && move.state.holder !== this.#holder) await this.#save({})
    this.#move = move
    const state = move.wish === undefined ? move.state : granted(move.state, move.wish)
    if (state === move.state && move.state.holder === this.#holder && move.wish === undefined) return move
    await this.#save({ state: { ...state, holder: this.#holder }, isWishHeard: true })
    return this.#move
  }

  /** @returns whether the move is somewhere else now */
  async #settle(): Promise<boolean> {
    const { step } = this.#current().state
    if (step !== 'flipping' && step !== 'aborting') return false
    const event = await settleClaim(this.#context())
    if (event !== undefined) await this.#save({ state: moveAfter(this.#current().state, event) })
    return event !== undefined
  }

  async #work(): Promise<void> {
    const { onEffect = async () => {} } = this.#options
    const { step } = this.#current().state
    if (step !== 'planned' && !this.#isHeld) {
      await onEffect('hold')
      await this.#hold()
    }
    const event = await workOn(this.#context())
    await onEffect(event)
    const epoch = event === 'accepted' ? {} : { epoch: 0 }
    await this.#save({ ...epoch, state: moveAfter(this.#current().state, event) })
  }

  #context(): MoveContext {
    const { places, onEffect = async () => {} } = this.#options
    return {
      places,
      onEffect,
      clock: this.#clock,
      holder: this.#holder,
      current: () => this.#current(),
      save: (change) => this.#save(change),
      checkpoint: () => this.#checkpoint(),
    }
  }

  async #hold(): Promise<void> {
    const { places } = this.#options
    const { buckets, state } = this.#current()
    for (const shard of Object.values(directionOf(state))) {
      await holdMove(places.admin(shard), { move: this.#id, buckets, holder: this.#holder })
    }
    this.#isHeld = true
  }

  async #checkpoint(): Promise<void> {
    this.#signal.throwIfAborted()
    const { wish, version } = await this.#options.store.read(this.#id)
    if (version !== this.#current().version || wish !== undefined) throw new Interrupted()
  }

  async #save(change: MoveChange): Promise<void> {
    this.#move = await this.#options.store.save(this.#current(), change)
    this.#options.onChange?.(this.#move)
  }

  /** @returns false where it has begun anew too often */
  async #begunAnew(error: TenfoldError): Promise<boolean> {
    const { state } = this.#current()
    if (state.restarts >= RESTARTS_MAX || !LOSABLE.has(state.step)) return false
    const next = moveAfter(state, 'lost')
    // What was claimed has been settled before anybody looked at the stream.
    await this.#save({
      epoch: 0,
      state: { ...next, claim: undefined, problem: { ...problemOf(error, 1), isFinal: false } },
    })
    return true
  }

  /** While nobody can write the buckets, there is nothing better to do than to try again. */
  #hopeful(problem: MoveProblem): MoveProblem {
    const isClaimed = this.#move?.state.claim !== undefined && this.#move.state.step !== 'turning'
    return isClaimed ? { ...problem, isFinal: false } : problem
  }

  async #note(problem: MoveProblem): Promise<void> {
    if (this.#move === undefined) return
    const { state } = this.#current()
    if (state.problem?.message === problem.message && state.problem.isFinal === problem.isFinal) return
    try {
      await this.#save({ state: { ...state, problem } })
    } catch (error) {
      // Shard 0 may be what is away.
      if (hasCode(error, 'TF_MOVE_TAKEN')) throw error
    }
  }

  #pauseMs(failures: number): number {
    const longestMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(failures, 10))
    return longestMs * (0.5 + this.#random.next() / 2)
  }

  #current(): Move {
    if (this.#move === undefined) throw lost('nothing is known of it')
    return this.#move
  }
}

const LOSABLE = new Set(['preparing', 'copying', 'verifying', 'flipping', 'turning'])

/** What can't be granted is forgotten: who asked was told so then. */
function granted(state: MoveState, wish: NonNullable<Move['wish']>): MoveState {
  try {
    return moveWished(state, wish)
  } catch {
    return state
  }
}

function problemOf(error: unknown, failures: number): MoveProblem {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'TF_MOVE_BLOCKED'
  const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined
  const isHopeless = ['TF_MOVE_DIFFERS', 'TF_MOVE_IMPOSSIBLE'].includes(code)
  const max = passes(error, code) ? BLOCKED_MAX : FAILED_MAX
  return { code, message: messageOf(error), hint, isFinal: isHopeless || failures >= max }
}

/** Of what is lost, away, or in use there is hope. */
function passes(error: unknown, code: string): boolean {
  if (isServerError(error)) return /^(08|40|53|55|57)/.test(code)
  return [
    'TF_MOVE_BLOCKED',
    'TF_DATABASE_UNREACHABLE',
    'TF_CONNECTION_LOST',
    'TF_COMMIT_INDETERMINATE',
    'TF_POOL_EXHAUSTED',
    'TF_NOT_PRIMARY',
  ].includes(code)
}
