import { sleep } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import { uniqueId } from '../../core/random.ts'
import { publishMap } from '../change-owner.ts'
import { SCHEMA } from '../guard.ts'
import { readMap } from '../shard-layout.ts'
import type { ChangeOfHands } from './change-hands.ts'
import { changeHands, resolveHandover } from './change-hands.ts'
import { deleteRows } from './delete-rows.ts'
import { letGo } from './hold-move.ts'
import type { MoveEvent, MoveStep } from './move.ts'
import type { MoveContext, MoveSides } from './move-sides.ts'
import { blocked, caughtUp, expectSame, expectStream, lost, sidesOf, timelinesOf } from './move-sides.ts'
import type { MovedTable } from './moved-tables.ts'
import { readMovedTables } from './moved-tables.ts'
import { checkServers, checkTables, expectPossible } from './pre-check.ts'
import { advanceSequences } from './sequences.ts'
import { dropSlots, dropStream, isSlotGood, publishStream, streamState, subscribe } from './stream.ts'
import { verifyRows } from './verify.ts'

/** Does the work of the step in which a move is, and says what has happened. Each may be done again from its beginning. */
export async function workOn(context: MoveContext): Promise<MoveEvent> {
  const { step } = context.current().state
  const work = WORK[step]
  if (work === undefined) throw new Error(`a move that is ${step} has no work`)
  return work(await sidesOf(context))
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

const WORK: Readonly<Partial<Record<MoveStep, (sides: MoveSides) => Promise<MoveEvent>>>> = {
  planned: check,
  preparing: prepare,
  copying: copy,
  verifying: verify,
  flipping: flip,
  turning: turn,
  finishing: finish,
  aborting: abort,
}

const LOOK_MS = 50
const PROGRESS_MS = 500
/** A copy that fails so often fails for ever. */
const ERRORS_MAX = 3
/** A target that is further behind than this would take too long behind the fence. */
const BEHIND_MAX_MS = 100

async function check(sides: MoveSides): Promise<MoveEvent> {
  expectPossible([...(await tableObstacles(sides)), ...(await checkServers(sides.from, sides.to))])
  return 'begun'
}

async function tableObstacles({ to, map, tables }: MoveSides): Promise<readonly string[]> {
  return checkTables(tables, await readMovedTables(to, map)).obstacles
}

async function prepare(sides: MoveSides): Promise<MoveEvent> {
  const { from, to, id, stream, back, clock, filter, tables, current, onEffect } = sides
  try {
    // Once more, because from now on tables stay as they are.
    expectPossible(await tableObstacles(sides))
  } catch (error) {
    // They have to change.
    for (const side of [from, to]) await letGo(side, id)
    throw error
  }
  await onEffect('drop')
  await dropStream(from, to, stream, clock)
  await dropStream(to, from, back, clock)
  await onEffect('clear')
  await clear(sides, 'to')
  const timelines = await timelinesOf(from, to)
  await onEffect('publish')
  await publishStream(from, {
    name: stream,
    move: id,
    turn: sides.turn,
    filter,
    tables: tables.map(({ name }) => name),
  })
  await onEffect('subscribe')
  await subscribe(to, { name: stream, url: sides.places.url(sides.fromShard), isCopy: true, isOwn: false })
  await expectSame(timelines, from, to)
  await sides.save({ state: { ...current().state, stream: timelines } })
  return 'prepared'
}

async function copy(sides: MoveSides): Promise<MoveEvent> {
  const { to, stream, tables, checkpoint, clock, onEffect } = sides
  await onEffect('copy')
  for (;;) {
    await checkpoint()
    await expectStream(sides)
    const state = await streamState(to, stream)
    if (state === undefined) throw lost('its subscription is gone')
    if (state.copying === 0) break
    if (state.errors > ERRORS_MAX)
      throw blocked('expected the target to take the rows, but it refuses some: see its log')
    await sleep(clock, LOOK_MS)
  }
  await caughtUp(sides)
  for (const { name } of tables) await to.query(`analyze ${name}`)
  return 'copied'
}

async function verify(sides: MoveSides): Promise<MoveEvent> {
  const { from, to, tables, filter, clock, current, checkpoint, onEffect } = sides
  await onEffect('verify')
  await expectStream(sides)
  let savedMs = clock.nowMs()
  const { rows, hot } = await verifyRows({
    from,
    to,
    tables,
    filter,
    clock,
    caughtUp: () => caughtUp(sides),
    async checkpoint(verifiedRows) {
      await checkpoint()
      if (clock.nowMs() - savedMs < PROGRESS_MS) return
      await expectStream(sides)
      await sides.save({
        state: {
          ...current().state,
          verifiedRows,
        },
      })
      savedMs = clock.nowMs()
    },
  })
  await expectStream(sides)
  const hotRows = hot.map(({ table, keys }) => ({ table: table.name, keys }))
  await sides.save({ state: { ...current().state, verifiedRows: rows, hot: hotRows } })
  return 'verified'
}

async function flip(sides: MoveSides): Promise<MoveEvent> {
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

async function turn(sides: MoveSides): Promise<MoveEvent> {
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

async function finish(sides: MoveSides): Promise<MoveEvent> {
  const { from, to, id, stream, back, clock, onEffect } = sides
  await onEffect('finish')
  await dropStream(to, from, back, clock)
  await dropStream(from, to, stream, clock)
  await onEffect('delete')
  await clear(sides, 'from')
  await onEffect('let-go')
  for (const side of [from, to]) await letGo(side, id)
  return 'cleared'
}

async function abort(sides: MoveSides): Promise<MoveEvent> {
  const { from, to, id, turn: at, stream, back, clock, current, onEffect } = sides
  await onEffect('abort')
  // Without the other side, too: it keeps the log of the one that everybody needs.
  if (at === 0) await dropSlots(from, [stream, stream], clock)
  await dropStream(to, from, back, clock)
  // Of one that was on the way back only that ends; the replication that it has come by goes on, if it is good.
  if (at > 0 && current().state.stream !== undefined) return 'cleared'
  await dropStream(from, to, stream, clock)
  if (at > 0) return 'cleared'
  await onEffect('delete')
  await clear(sides, 'to')
  await onEffect('let-go')
  for (const side of [from, to]) await letGo(side, id)
  return 'cleared'
}

/** Deletes the rows of a side that does not own them, and the marks of both. */
async function clear(sides: MoveSides, which: 'from' | 'to'): Promise<void> {
  const { from, to, id, map, holder, buckets, filter, clock, checkpoint } = sides
  for (const side of [from, to]) await side.query(`delete from ${SCHEMA}.mark where move = $1`, [id])
  const side = sides[which]
  await deleteRows(side, {
    move: id,
    holder,
    buckets,
    filter,
    clock,
    checkpoint,
    tables: await readMovedTables(side, map),
  })
}
