import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import { readMap } from '../shard-layout.ts'
import type { ShardMap } from '../shard-map.ts'
import type { MoveStream } from './move.ts'
import { directionOf } from './move.ts'
import type { Move, MoveChange } from './move-store.ts'
import type { MovedTable } from './moved-tables.ts'
import { inBuckets, readMovedTables } from './moved-tables.ts'
import type { ReshardPlaces } from './reshard-places.ts'
import { hasMark, isSlotGood, putMark, reconnectStream, streamName, streamState, timelineOf } from './stream.ts'

/** What the work of a step needs. */
export interface MoveContext {
  readonly places: ReshardPlaces
  readonly clock: Clock
  readonly holder: string
  /** As it was last saved. */
  readonly current: () => Move
  save(change: MoveChange): Promise<void>
  /** Throws where something else is to be done first. */
  checkpoint(): Promise<void>
  /** Called before each effect, with its name. */
  onEffect(name: string): Promise<void>
}

/** The two shards of a move in its present direction, and what goes between them. */
export interface MoveSides extends MoveContext {
  readonly id: number
  readonly turn: number
  readonly buckets: readonly number[]
  readonly fromShard: number
  readonly toShard: number
  readonly from: ShardDatabase
  readonly to: ShardDatabase
  readonly map: ShardMap
  /** Condition that a row has to meet. */
  readonly filter: string
  /** Of the side that the rows come from. */
  readonly tables: readonly MovedTable[]
  /** Names of the stream of this turn, and of the one back. */
  readonly stream: string
  readonly back: string
}

const LOOK_MS = 5

export async function sidesOf(context: MoveContext): Promise<MoveSides> {
  const { places } = context
  const { id, buckets, state } = context.current()
  const { from: fromShard, to: toShard } = directionOf(state)
  const [from, to] = [places.admin(fromShard), places.admin(toShard)]
  const map = await readMap(places.admin(0))
  return {
    ...context,
    id,
    buckets,
    turn: state.turn,
    from,
    to,
    fromShard,
    toShard,
    map,
    filter: inBuckets(map, buckets),
    tables: await readMovedTables(from, map),
    stream: streamName(id, state.turn),
    back: streamName(id, state.turn + 1),
  }
}

/** Resolves when everything that is committed on the one side by now has come to the other. */
export async function caughtUp({ from, to, id, turn, clock, checkpoint, stream }: MoveSides): Promise<void> {
  const mark = await from.transaction((tx) => putMark(tx, id, turn))
  let errors: number | undefined
  for (let look = 1; !(await hasMark(to, id, turn, mark)); look++) {
    await sleep(clock, LOOK_MS)
    if (look % 20 !== 0) continue
    await checkpoint()
    const state = await streamState(to, stream)
    if (state === undefined) throw lost('its subscription is gone')
    errors ??= state.errors
    if (state.errors > errors + ERRORS_MAX) throw refusesRows()
  }
}

/** Which histories both logs are of, for a stream that begins. */
export async function timelinesOf(from: ShardDatabase, to: ShardDatabase): Promise<MoveStream> {
  const [theirs, ours] = await Promise.all([timelineOf(from), timelineOf(to)])
  return { timelines: { from: theirs, to: ours } }
}

/**
 * Makes sure that the stream has missed nothing, and knows where the other side is.
 *
 * @throws TF_MOVE_LOST there was a failover on one of its sides
 */
export async function expectStream({ from, to, fromShard, places, current, stream }: MoveSides): Promise<void> {
  await expectSame(current().state.stream, from, to)
  const state = await streamState(to, stream)
  if (state === undefined) throw lost('its subscription is gone')
  if (!(await isSlotGood(from, stream))) throw lost('its slot has lost what it kept')
  const url = places.url(fromShard)
  if (state.url !== url) await reconnectStream(to, stream, url)
}

/** @throws TF_MOVE_LOST */
export async function expectSame(
  stream: MoveStream | undefined,
  from: ShardDatabase,
  to: ShardDatabase,
): Promise<void> {
  if (stream === undefined) throw lost('nothing is known of it')
  const now = await timelinesOf(from, to)
  if (now.timelines.from === stream.timelines.from && now.timelines.to === stream.timelines.to) return
  throw lost('there was a failover')
}

export function lost(why: string): TenfoldError {
  return new TenfoldError('TF_MOVE_LOST', `expected the replication of a move to have missed nothing, but ${why}`, {
    hint: 'nothing: the move begins anew',
  })
}

/** An apply that fails so often fails for ever. */
export const ERRORS_MAX = 3

export function refusesRows(): TenfoldError {
  return blocked('expected the target to take the rows, but it refuses some: its log says which, and why')
}

/** Something stands in the way for now. */
export function blocked(what: string, details: Readonly<Record<string, unknown>> = {}): TenfoldError {
  return new TenfoldError('TF_MOVE_BLOCKED', what, { hint: 'nothing: it is tried again', details })
}
