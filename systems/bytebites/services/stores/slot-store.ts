import { type Kysely, sql } from 'kysely'
import type { CatalogTables, OrderTables, SharedTables } from '../../data/tables.ts'
import type { AcceptableOrder } from '../../domain/order-rules.ts'
import type { RegionCode } from '../../domain/region.ts'
import type { Week } from '../../domain/week.ts'
import type { SqlDatabase } from './sql-database.ts'

/** What an order asks of a slot. */
export interface SlotRequest {
  readonly userId: number
  /** Of the caller: the same request again takes no second place. */
  readonly key: string
  readonly order: Pick<AcceptableOrder, 'region' | 'week' | 'slot'>
}

/** The places of delivery slots, which subscribers share. */
export interface SlotStore<Transaction> {
  /** Slots of a region and week that have no place left. */
  full(region: RegionCode, week: Week): Promise<ReadonlySet<string>>
  /**
   * Places an order together with its place in the slot. `place` calls `take` last, in its transaction.
   *
   * @throws SlotFull; what `place` throws, and then the place is free again if that is a refusal
   */
  taking<Result>(
    request: SlotRequest,
    place: (take: (transaction: Transaction) => Promise<void>) => Promise<Result>,
    isRefusal: (error: unknown) => boolean,
  ): Promise<Result>
}

export class SlotFull extends Error {}

type SlotTables = Pick<OrderTables, 'delivery_slot'>

/** Slots in the database of the orders: the place is taken in their transaction. */
export function slotsBeside<Transaction extends { readonly db: Kysely<OrderTables> }>({
  db,
}: {
  readonly db: Kysely<OrderTables>
}): SlotStore<Transaction> {
  return {
    full: (region, week) => fullSlots(db.$pickTables<keyof SlotTables>(), region, week),
    taking: ({ order }, place) => place(({ db: own }) => takePlace(own.$pickTables<keyof SlotTables>(), order)),
  }
}

/**
 * Slots elsewhere, where orders are on shards: the place is taken first, once for each key, and given back when the order is
 * refused. Who dies in between, and never asks again with his key, leaves a place empty: of the two mistakes the cheaper.
 */
export function slotsElsewhere<Transaction>(
  database: SqlDatabase<CatalogTables & SharedTables>,
): SlotStore<Transaction> {
  return {
    full: (region, week) => fullSlots(database.db.$pickTables<keyof SlotTables>(), region, week),
    async taking(request, place, isRefusal) {
      const isNew = await database.transaction(({ db }) => reserve(db, request))
      try {
        return await place(async () => {})
      } catch (error) {
        if (isNew && isRefusal(error)) await database.transaction(({ db }) => giveBack(db, request))
        throw error
      }
    },
  }
}

/** @returns false where the key has a place already */
async function reserve(
  db: Kysely<CatalogTables & SharedTables>,
  { userId, key, order }: SlotRequest,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('slot_place')
    .values({ user_id: userId, idempotency_key: key })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  if (numInsertedOrUpdatedRows !== 1n) return false
  await takePlace(db.$pickTables<keyof SlotTables>(), order)
  return true
}

async function giveBack(db: Kysely<CatalogTables & SharedTables>, { userId, key, order }: SlotRequest): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('slot_place')
    .where('user_id', '=', userId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst()
  if (numDeletedRows !== 1n) return
  await db
    .updateTable('delivery_slot')
    .set({ taken: sql<number>`taken - 1` })
    .where('region', '=', order.region.code)
    .where('delivery_week', '=', order.week)
    .where('slot', '=', order.slot.code)
    .execute()
}

async function fullSlots(db: Kysely<SlotTables>, region: RegionCode, week: Week): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('delivery_slot')
    .where('region', '=', region)
    .where('delivery_week', '=', week)
    .whereRef('taken', '>=', 'capacity')
    .select('slot')
    .execute()
  return new Set(rows.map((row) => row.slot))
}

/** The condition and the increment are one statement: however many come at once, the last place is given once. */
async function takePlace(db: Kysely<SlotTables>, order: SlotRequest['order']): Promise<void> {
  const taken = await db
    .insertInto('delivery_slot')
    .values({
      region: order.region.code,
      delivery_week: order.week,
      slot: order.slot.code,
      capacity: order.region.slotCapacity,
      taken: 1,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['region', 'delivery_week', 'slot'])
        .doUpdateSet({ taken: sql<number>`delivery_slot.taken + 1` })
        .whereRef('delivery_slot.taken', '<', 'delivery_slot.capacity'),
    )
    .executeTakeFirst()
  if (taken.numInsertedOrUpdatedRows !== 1n) throw new SlotFull()
}
