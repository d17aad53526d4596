import type { Kysely } from 'kysely'
import type { OrderTables } from '../../data/tables.ts'
import type { Cents } from '../../domain/money.ts'
import type { OrderPlaced } from '../../domain/order-placed.ts'
import type { AcceptableOrder } from '../../domain/order-rules.ts'
import type { RegionCode } from '../../domain/region.ts'
import type { Week } from '../../domain/week.ts'
import { SlotFull, type SlotStore } from './slot-store.ts'
import type { SqlDatabase } from './sql-database.ts'

/** An order as it was placed. */
export interface PlacedOrder {
  readonly orderNumber: number
  readonly placedAtMs: number
  readonly week: Week
  readonly slot: string
  readonly voucher: string | null
  readonly reductionCents: Cents
  readonly deliveryCents: Cents
  readonly taxCents: Cents
  readonly totalCents: Cents
  readonly meals: readonly {
    readonly recipeId: number
    readonly servings: number
    readonly totalCents: Cents
    readonly taxCents: Cents
  }[]
}

/** What is to be placed, and under which key of the caller. */
export interface Placement {
  readonly userId: number
  readonly order: AcceptableOrder
  readonly key: string
  /** Tells two requests under one key apart. */
  readonly requestHash: Buffer
  readonly nowMs: number
}

export type PlacementOutcome =
  | { readonly kind: 'placed'; readonly order: PlacedOrder }
  /** The key was used before: nothing has happened now. */
  | { readonly kind: 'key-used' }
  | { readonly kind: 'slot-full' }
  /** A voucher for first orders, and another order came first. */
  | { readonly kind: 'not-first' }

/** A meal of an earlier order. */
export interface OrderedMeal {
  readonly recipeId: number
  readonly week: Week
  readonly stars: number | null
}

/** Orders, all calls within one subscriber's rows; slots are the only ones that subscribers share. */
export interface OrderStore extends OrderHistory {
  /** Order, lines and the place in the slot: all of them or nothing, once for each key. */
  place(placement: Placement): Promise<PlacementOutcome>
  /** The order that was placed under a key, with the hash of its request. */
  byKey(userId: number, key: string): Promise<{ order: PlacedOrder; requestHash: Buffer } | undefined>
  /** The latest orders, newest first. */
  list(userId: number, limit: number): Promise<PlacedOrder[]>
  /** Slots of a region and week that have no place left. */
  fullSlots(region: RegionCode, week: Week): Promise<ReadonlySet<string>>
}

/** Ends a transaction that must leave nothing behind. */
class Refused extends Error {
  readonly outcome: Exclude<PlacementOutcome, { kind: 'placed' | 'slot-full' }>
  constructor(outcome: Exclude<PlacementOutcome, { kind: 'placed' | 'slot-full' }>) {
    super(outcome.kind)
    this.outcome = outcome
  }
}

/** Orders that were placed, as a recommender reads them. */
export interface OrderHistory {
  /** The meals of the latest orders, newest first. */
  history(userId: number, orders: number): Promise<OrderedMeal[]>
}

/** @param of where the rows of a subscriber are */
export function orderHistory(of: (userId: number) => Pick<SqlDatabase<OrderTables>, 'db'>): OrderHistory {
  return {
    history: (userId, orderCount) =>
      of(userId)
        .db.selectFrom((query) =>
          query
            .selectFrom('order')
            .where('user_id', '=', userId)
            .selectAll()
            .orderBy('order_number', 'desc')
            .limit(orderCount)
            .as('latest'),
        )
        .innerJoin('order_line as line', (join) =>
          join.onRef('line.user_id', '=', 'latest.user_id').onRef('line.order_number', '=', 'latest.order_number'),
        )
        .leftJoin('rating', (join) =>
          join.onRef('rating.user_id', '=', 'line.user_id').onRef('rating.recipe_id', '=', 'line.recipe_id'),
        )
        .orderBy('latest.order_number', 'desc')
        .orderBy('line.recipe_id')
        .select(['line.recipe_id as recipeId', 'latest.delivery_week as week', 'rating.stars'])
        .execute(),
  }
}

/**
 * Orders in PostgreSQL.
 *
 * @param of where the rows of a subscriber are
 * @param publish tells of each order in the transaction that places it
 */
export function orderStore<Transaction extends { readonly db: Kysely<OrderTables> }>(
  of: (userId: number) => SqlDatabase<OrderTables, Transaction>,
  slots: SlotStore<Transaction>,
  publish: (event: OrderPlaced, transaction: Transaction) => Promise<void> = async () => {},
): OrderStore {
  const orders = (userId: number) => of(userId).db.selectFrom('order').where('user_id', '=', userId).selectAll()
  const withMeals = async (userId: number, rows: Awaited<ReturnType<ReturnType<typeof orders>['execute']>>) => {
    if (rows.length === 0) return []
    const lines = await of(userId)
      .db.selectFrom('order_line')
      .where('user_id', '=', userId)
      .where(
        'order_number',
        'in',
        rows.map((row) => row.order_number),
      )
      .selectAll()
      .execute()
    return rows.map((row) =>
      placedOrder(
        row,
        lines.filter((line) => line.order_number === row.order_number),
      ),
    )
  }
  return {
    ...orderHistory(of),
    async place(placement) {
      const write = (take: (transaction: Transaction) => Promise<void>) =>
        of(placement.userId).transaction((transaction) => writeOrder(transaction, placement, { publish, take }))
      try {
        return {
          kind: 'placed',
          order: await slots.taking(placement, write, (error) => error instanceof Refused),
        }
      } catch (error) {
        if (error instanceof SlotFull) return { kind: 'slot-full' }
        if (error instanceof Refused) return error.outcome
        throw error
      }
    },
    async byKey(userId, key) {
      const row = await orders(userId).where('idempotency_key', '=', key).executeTakeFirst()
      const [order] = row === undefined ? [] : await withMeals(userId, [row])
      return order === undefined ? undefined : { order, requestHash: row?.request_hash ?? Buffer.alloc(0) }
    },
    list: async (userId, limit) =>
      withMeals(userId, await orders(userId).orderBy('order_number', 'desc').limit(limit).execute()),
    fullSlots: (region, week) => slots.full(region, week),
  }
}

/**
 * The subscriber's row comes first, so that two orders of one subscriber queue up and never meet in a deadlock; the slot,
 * which everybody wants, comes last, so that its lock is held for one round trip.
 */
async function writeOrder<Transaction extends { readonly db: Kysely<OrderTables> }>(
  transaction: Transaction,
  placement: Placement,
  { publish, take }: Steps<Transaction>,
): Promise<PlacedOrder> {
  const { db } = transaction
  const { userId, order, key, requestHash, nowMs } = placement
  const { lastOrderNumber } = await db
    .updateTable('subscriber')
    .set((column) => ({ last_order_number: column('last_order_number', '+', 1) }))
    .where('user_id', '=', userId)
    .returning('last_order_number as lastOrderNumber')
    .executeTakeFirstOrThrow()
  if (order.voucher?.isForFirstOrder === true && lastOrderNumber !== 1) throw new Refused({ kind: 'not-first' })
  const row = rowOf(placement, lastOrderNumber)
  const written = await db
    .insertInto('order')
    .values({ ...row, idempotency_key: key, request_hash: requestHash, placed_at: new Date(nowMs) })
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'idempotency_key']).where('idempotency_key', 'is not', null).doNothing(),
    )
    .executeTakeFirst()
  if (written.numInsertedOrUpdatedRows !== 1n) throw new Refused({ kind: 'key-used' })
  const lines = linesOf(placement, lastOrderNumber)
  await db.insertInto('order_line').values(lines).execute()
  const recipeIds = lines.map((line) => line.recipe_id)
  await publish({ user_id: userId, order_number: lastOrderNumber, recipe_ids: recipeIds }, transaction)
  await take(transaction)
  return placedOrder({ ...row, placed_at: new Date(nowMs) }, lines)
}

/** What goes with an order. */
interface Steps<Transaction> {
  publish(event: OrderPlaced, transaction: Transaction): Promise<void>
  take(transaction: Transaction): Promise<void>
}

function rowOf({ userId, order }: Placement, orderNumber: number) {
  const { price } = order
  return {
    user_id: userId,
    order_number: orderNumber,
    delivery_week: order.week,
    slot: order.slot.code,
    meals: order.plan.meals,
    people: order.plan.people,
    voucher: order.voucher?.code ?? null,
    reduction_cents: price.reductionCents,
    delivery_cents: price.lines.find((line) => line.item.kind === 'delivery')?.totalCents ?? 0,
    tax_cents: price.taxCents,
    total_cents: price.totalCents,
  }
}

function linesOf({ userId, order }: Placement, orderNumber: number) {
  return order.price.lines.flatMap(({ item, quantity, totalCents, taxCents }) =>
    item.kind === 'delivery'
      ? []
      : {
          user_id: userId,
          order_number: orderNumber,
          recipe_id: item.recipeId,
          servings: quantity,
          total_cents: totalCents,
          tax_cents: taxCents,
        },
  )
}

type OrderRow = Pick<ReturnType<typeof rowOf>, 'order_number' | 'slot' | 'voucher'> & {
  placed_at: Date
  delivery_week: Week
  reduction_cents: Cents
  delivery_cents: Cents
  tax_cents: Cents
  total_cents: Cents
}

function placedOrder(row: OrderRow, lines: readonly OrderTables['order_line'][]): PlacedOrder {
  return {
    orderNumber: row.order_number,
    placedAtMs: row.placed_at.getTime(),
    week: row.delivery_week,
    slot: row.slot,
    voucher: row.voucher,
    reductionCents: row.reduction_cents,
    deliveryCents: row.delivery_cents,
    taxCents: row.tax_cents,
    totalCents: row.total_cents,
    // By recipe, so that an order reads the same when it is placed and whenever it is asked for again.
    meals: lines
      .toSorted((a, b) => a.recipe_id - b.recipe_id)
      .map((line) => ({
        recipeId: line.recipe_id,
        servings: line.servings,
        totalCents: line.total_cents,
        taxCents: line.tax_cents,
      })),
  }
}
