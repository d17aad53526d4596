import { TenfoldError } from '../../core/errors.ts'
import { uniqueId } from '../../core/random.ts'
import { publishMap } from '../change-owner.ts'
import { readMap } from '../shard-layout.ts'
import type { ChangeOfHands } from './change-hands.ts'
import { changeHands, resolveHandover } from './change-hands.ts'
import type { MoveEvent } from './move.ts'
import type { MoveContext, MoveSides } from './move-sides.ts'
import { blocked, caughtUp, expectSame, expectStream, lost, sidesOf, timelinesOf } from './move-sides.ts'
import type { MovedTable } from './moved-tables.ts'
import { advanceSequences } from './sequences.ts'
import { dropStream, isSlotGood, publishStream, streamState, subscribe } from './stream.ts'

/** A target that is further behind than this would take too long behind the fence. */
const BEHIND_MAX_MS = 100

/** Prepares the way back, and lets the buckets change hands. */
export async function flip(sides: MoveSides): Promise<MoveEvent> {
  const { from, to, id, turn: at, buckets, clock, tables, places, current, onEffect } = sides
  await expectStream(sides)
  await ensureBack(sides)
  await advanceSequences(from, to, sides.map)
  await expectClose(sides)
  const first = places.admin(0)
  const before = await readMap(first)
  const claim = uniqueId()
  await onEffect('claim')
  await sides.save({
    epoch: before.epoch + 1,
    state: { ...current().state, claim, attempts: current().state.attempts + 1 },
  })
  const map = await readMap(first)
  if (map.epoch !== before.epoch) throw blocked('expected the map to stay as it was, but another move has changed it')
  const { stream = lostStream(), hot } = current().state
  const change: ChangeOfHands = {
    from,
    to,
    clock,
    stream,
    onEffect,
    handover: {
      buckets,
      source: sides.fromShard,
      target: sides.toShard,
      map,
      claim,
    },
    move: id,
    turn: at,
    hot: hot.map(({ table, keys }) => ({
      table: tables.find(({ name }) => name === table) as MovedTable,
      keys,
    })),
    drained: (signal) => places.drained?.(sides.fromShard, signal) ?? Promise.resolve(),
  }
  let pauseMs: number
  try {
    pauseMs = await changeHands(change)
  } catch (error) {
    // The source has kept them, so another move may be the next.
    if (isOfMove(error)) await sides.save({ epoch: 0, state: { ...current().state, claim: undefined } })
    throw error
  }
  await sides.save({ state: { ...current().state, pauseMs } })
  return 'accepted'
}

function isOfMove(error: unknown): boolean {
  return error instanceof TenfoldError && error.code.startsWith('TF_MOVE_')
}

function lostStream(): never {
  throw lost('nothing is known of it')
}

/** The slot of the way back has to be there before the target writes something of its own. */
async function ensureBack(sides: MoveSides): Promise<void> {
  const { from, to, id, back, clock, filter, tables, current, onEffect } = sides
  if (current().state.back !== undefined && (await isSlotGood(to, back))) return
  await onEffect('publish-back')
  await dropStream(to, from, back, clock)
  const begun = await timelinesOf(to, from)
  await publishStream(to, {
    name: back,
    move: id,
    turn: sides.turn + 1,
    filter,
    tables: tables.map(({ name }) => name),
  })
  await expectSame(begun, to, from)
  await sides.save({ state: { ...current().state, back: begun } })
}

async function expectClose(sides: MoveSides): Promise<void> {
  const { clock } = sides
  await caughtUp(sides)
  const startMs = clock.nowMs()
  await caughtUp(sides)
  const behindMs = Math.ceil(clock.nowMs() - startMs)
  if (behindMs > BEHIND_MAX_MS) {
    throw blocked(`expected the target to be at most ${BEHIND_MAX_MS} ms behind, got ${behindMs} ms`, { behindMs })
  }
}

/**
 * Ends an attempt to change hands that somebody has left, which is not to wait for anything: nobody can write the buckets. Where
 * the target does not have them, the source has them again.
 */
export async function settleClaim(context: MoveContext): Promise<MoveEvent | undefined> {
  const { epoch, state } = context.current()
  if (epoch === undefined || state.claim === undefined) return undefined
  const { from, to, buckets, map, onEffect, fromShard, toShard } = await sidesOf(context)
  await onEffect('settle')
  // What is published is of an earlier epoch still, or of this one by now.
  const before = map.epoch < epoch ? map : { ...map, epoch: epoch - 1 }
  const handover = { buckets, source: fromShard, target: toShard, map: before, claim: state.claim }
  if (await resolveHandover(from, to, handover)) return 'accepted'
  await context.save({ epoch: 0, state: { ...state, claim: undefined } })
  return undefined
}

/** Tells everybody, ends the stream, and begins the one back. */
export async function turnRound(sides: MoveSides): Promise<MoveEvent> {
  const { from, to, stream, back, clock, places, current, onEffect } = sides
  await onEffect('publish-map')
  const map = await readMap(to)
  for (let shard = 0; shard < places.count; shard++) await publishMap(places.admin(shard), map)
  if (current().epoch !== undefined) await sides.save({ epoch: 0 })
  await onEffect('unsubscribe')
  await dropStream(from, to, stream, clock)
  await onEffect('subscribe-back')
  await expectSame(current().state.back, to, from)
  if (!(await isSlotGood(to, back))) throw lost('its slot has been dropped')
  if ((await streamState(from, back)) === undefined) {
    await subscribe(from, { name: back, url: places.url(sides.toShard), isCopy: false, isOwn: true })
  }
  return 'turned'
}
