import { SCHEMA } from '../guard.ts'
import { deleteRows } from './delete-rows.ts'
import { letGo } from './hold-move.ts'
import type { MoveEvent } from './move.ts'
import type { MoveSides } from './move-sides.ts'
import { readMovedTables } from './moved-tables.ts'
import { dropSlots, dropStream } from './stream.ts'

/** Ends the way back, and deletes the rows where they were. */
export async function finish(sides: MoveSides): Promise<MoveEvent> {
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

/** Removes what there is of a move that has not moved. */
export async function abort(sides: MoveSides): Promise<MoveEvent> {
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
export async function clear(sides: MoveSides, which: 'from' | 'to'): Promise<void> {
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
