import { TenfoldError } from '../../core/errors.ts'

/*
 * A move brings the rows of some buckets from one shard to another while everybody works with them. Its steps, and what
 * remains to be done when whoever drives it dies in one of them:
 *
 *   planned ──▶ preparing ──▶ copying ──▶ verifying ──▶ flipping ──▶ turning ──▶ moved ──▶ finishing ──▶ done
 *                  ▲             │            │  ▲          │                      │
 *                  └── a failover of one side ┘  └──────────┼──── taken back ──────┘
 *                                └────────────┴──────────▶ aborting ──▶ aborted, or moved as before
 *
 * - `planned`: nothing has been done.
 * - `preparing`: tables can't change any more; rows that an earlier attempt left on the target are deleted; publication, slot
 *   and subscription are made. Whoever comes later does all of it again, from the beginning.
 * - `copying`: PostgreSQL copies the rows, and what has changed meanwhile.
 * - `verifying`: all rows are compared. A difference ends it here.
 * - `flipping`: the way back is prepared; then the buckets change hands (see ../change-owner.ts). Whoever comes later asks the
 *   target whether they have: if not, he gives them back to the source at once, and tries again after a while.
 * - `turning`: the target has them. The replication of before ends, and that back to the source begins, from where the
 *   target became the owner: nothing is missing there when the move is taken back.
 * - `moved`: at rest, until an operator says `finish` or `back`.
 * - `finishing`: the way back ends, the rows on the old shard are deleted in small batches.
 * - `aborting`: slots, publications and subscriptions are dropped, rows on the target deleted.
 *
 * Invariants.
 * 1. Rows come from one stream on one timeline of both sides, without a gap: after a failover of one of them nobody knows what
 *    its stream has missed, so it begins anew.
 * 2. Rows are deleted on a shard only while it does not own them, by whoever holds the move there.
 */

/** @see Move */
export type MoveStep =
  | 'planned'
  | 'preparing'
  | 'copying'
  | 'verifying'
  | 'flipping'
  | 'turning'
  | 'moved'
  | 'finishing'
  | 'done'
  | 'aborting'
  | 'aborted'

/** What has happened in a step. */
export type MoveEvent = 'begun' | 'prepared' | 'copied' | 'verified' | 'accepted' | 'turned' | 'lost' | 'cleared'

/** What an operator asks of a move. */
export type MoveWish = 'pause' | 'continue' | 'abort' | 'back' | 'finish'

/** Replication of the rows from one side to the other. */
export interface MoveStream {
  /** Of the log of both sides when it was made. */
  readonly timelines: { readonly from: number; readonly to: number }
}

/** Where a move stands. */
export interface MoveState {
  /** As it was asked for. */
  readonly source: number
  readonly target: number
  /** How often the direction has changed: in an even one it goes from the source to the target. */
  readonly turn: number
  readonly step: MoveStep
  readonly isPaused: boolean
  /** The stream of this turn, and the one back. */
  readonly stream: MoveStream | undefined
  readonly back: MoveStream | undefined
  /** Of the attempt to change hands that is under way. */
  readonly claim: string | undefined
  /** Who drives it. */
  readonly holder: string | undefined
  /** Why it does not go on; it goes on by itself unless it `isFinal`. */
  readonly problem: MoveProblem | undefined
  /** Attempts to change hands that somebody stood in the way of. */
  readonly attempts: number
  /** How often it began anew. */
  readonly restarts: number
  /** Of the copy: tables that are there, of how many, and rows of those that are copied now. */
  readonly copied: { readonly tables: number; readonly of: number; readonly rows: number } | undefined
  /** Rows that were compared. */
  readonly verifiedRows: number
  /** Of them, those that have to be compared when nothing changes: by table, their primary keys as text. */
  readonly hot: readonly { readonly table: string; readonly keys: readonly (readonly string[])[] }[]
  /** How long nobody could write the buckets when they changed hands last. */
  readonly pauseMs: number | undefined
}

/** What stands in the way of a move. */
export interface MoveProblem {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly isFinal: boolean
}

/** A move of a state that has just been asked for. */
export function plannedMove(source: number, target: number): MoveState {
  return {
    source,
    target,
    turn: 0,
    step: 'planned',
    isPaused: false,
    stream: undefined,
    back: undefined,
    claim: undefined,
    holder: undefined,
    problem: undefined,
    attempts: 0,
    restarts: 0,
    copied: undefined,
    verifiedRows: 0,
    hot: [],
    pauseMs: undefined,
  }
}

/** From which shard to which the rows go at present. */
export function directionOf({ source, target, turn }: Pick<MoveState, 'source' | 'target' | 'turn'>): {
  readonly from: number
  readonly to: number
} {
  return turn % 2 === 0 ? { from: source, to: target } : { from: target, to: source }
}

/** Whether nothing more happens before an operator asks for it. */
export function isResting({ step, isPaused, problem }: MoveState): boolean {
  return isPaused || problem?.isFinal === true || step === 'moved' || isOver(step)
}

export function isOver(step: MoveStep): boolean {
  return step === 'done' || step === 'aborted'
}

const NEXT: Readonly<Partial<Record<MoveStep, Partial<Record<MoveEvent, MoveStep>>>>> = {
  planned: { begun: 'preparing' },
  preparing: { prepared: 'copying', lost: 'preparing' },
  copying: { copied: 'verifying', lost: 'preparing' },
  verifying: { verified: 'flipping', lost: 'preparing' },
  flipping: { accepted: 'turning', lost: 'preparing' },
  turning: { turned: 'moved', lost: 'moved' },
  finishing: { cleared: 'done' },
  aborting: { cleared: 'aborted', accepted: 'turning' },
}

/** Pure: what comes after what has happened. */
export function moveAfter(state: MoveState, event: MoveEvent): MoveState {
  const step = NEXT[state.step]?.[event]
  if (step === undefined) throw new Error(`a move that is ${state.step} knows no '${event}'`)
  const next: MoveState = { ...state, step, problem: undefined }
  const isReturning = state.turn > 0
  switch (event) {
    case 'lost':
      if (state.step === 'turning') return { ...next, stream: undefined, back: undefined, claim: undefined }
      // What the way back has missed nobody can say: the shard that has the buckets keeps them.
      if (isReturning) return { ...next, step: 'aborting', stream: undefined }
      return { ...next, stream: undefined, back: undefined, restarts: state.restarts + 1 }
    case 'copied':
      return { ...next, copied: undefined }
    case 'accepted':
      return { ...next, attempts: 0 }
    case 'turned':
      return { ...next, claim: undefined, stream: undefined }
    case 'cleared':
      if (state.step !== 'aborting' || !isReturning) return { ...next, stream: undefined, back: undefined }
      return { ...next, step: 'moved', turn: state.turn - 1, back: state.stream, stream: undefined }
    default:
      return next
  }
}

/** Pure: the state after a wish has been granted. @throws TF_MOVE_REFUSED it can't be, in this step */
export function moveWished(state: MoveState, wish: MoveWish): MoveState {
  const { step } = state
  const going = { ...state, isPaused: false, problem: undefined }
  switch (wish) {
    case 'pause':
      if (!isOver(step)) return { ...state, isPaused: true }
      break
    case 'continue':
      if (!isOver(step)) return going
      break
    case 'abort':
      if (step === 'planned') return { ...going, step: 'aborted' }
      if (['preparing', 'copying', 'verifying', 'flipping'].includes(step)) return { ...going, step: 'aborting' }
      break
    case 'back':
      if (step !== 'moved' || state.back === undefined) break
      return { ...going, step: 'verifying', turn: state.turn + 1, stream: state.back, back: undefined }
    case 'finish':
      if (step === 'moved') return { ...going, step: 'finishing' }
      break
  }
  throw refused(state, wish)
}

const ELSE: Readonly<Record<MoveWish, string>> = {
  pause: 'it is over',
  continue: 'it is over',
  abort: 'take back one that has moved (--back), and begin a new one for one that is over',
  back: 'only what has moved and is not finished yet can be taken back; begin a move in the other direction',
  finish: 'wait until it has moved',
}

function refused({ step, back }: MoveState, wish: MoveWish): TenfoldError {
  const why = wish === 'back' && step === 'moved' && back === undefined ? ', and its way back is lost' : ''
  return new TenfoldError(
    'TF_MOVE_REFUSED',
    `expected a move that can be asked to ${wish}, got one that is ${step}${why}`,
    {
      hint: ELSE[wish],
      details: { step, wish },
    },
  )
}
