import { sleep } from '../../core/clock.ts'
import { abort, clear, finish } from './end-move.ts'
import { flip, turnRound } from './hand-over.ts'
import { letGo } from './hold-move.ts'
import type { MoveEvent, MoveStep } from './move.ts'
import type { MoveContext, MoveSides } from './move-sides.ts'
import {
  caughtUp,
  ERRORS_MAX,
  expectSame,
  expectStream,
  lost,
  refusesRows,
  sidesOf,
  timelinesOf,
} from './move-sides.ts'
import { readMovedTables } from './moved-tables.ts'
import { checkServers, checkTables, expectPossible } from './pre-check.ts'
import type { StreamState } from './stream.ts'
import { dropStream, publishStream, streamState, subscribe } from './stream.ts'
import { verifyRows } from './verify.ts'

/** Does the work of the step in which a move is, and says what has happened. Each may be done again from its beginning. */
export async function workOn(context: MoveContext): Promise<MoveEvent> {
  const { step } = context.current().state
  const work = WORK[step]
  if (work === undefined) throw new Error(`a move that is ${step} has no work`)
  return work(await sidesOf(context))
}

const WORK: Readonly<Partial<Record<MoveStep, (sides: MoveSides) => Promise<MoveEvent>>>> = {
  planned: check,
  preparing: prepare,
  copying: copy,
  verifying: verify,
  flipping: flip,
  turning: turnRound,
  finishing: finish,
  aborting: abort,
}

const LOOK_MS = 50
const PROGRESS_MS = 500

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
    if (state.errors > ERRORS_MAX) throw refusesRows()
    await showCopied(sides, state)
    await sleep(clock, LOOK_MS)
  }
  await caughtUp(sides)
  for (const { name } of tables) await to.query(`analyze ${name}`)
  return 'copied'
}

async function showCopied({ current, save }: MoveSides, { tables, copying, copiedRows }: StreamState): Promise<void> {
  const copied = { tables: tables - copying, of: tables, rows: copiedRows }
  const { state } = current()
  if (JSON.stringify(copied) !== JSON.stringify(state.copied)) await save({ state: { ...state, copied } })
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
