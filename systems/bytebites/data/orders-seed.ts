import type { SeedContext } from 'tenfold'
import { REGIONS } from '../domain/region.ts'
import { dayOf, isoDay } from '../domain/week.ts'
import { hashPassword } from '../services/password.ts'
import { fillBare } from './bare-tables.ts'
import { dayStarts } from './day-starts.ts'
import { dice } from './dice.ts'
import { type NumberRows, numberRows } from './number-rows.ts'
import { orderHistory, type SeededOrder } from './order-history.ts'
import { realArray, textArray } from './postgres-array.ts'
import { catalogRecipes } from './recipes.ts'
import { SEEDED_PASSWORD } from './story.ts'
import { seededSubscribers, type SeededSubscriber } from './subscribers.ts'

/** Hashing 50,000 passwords would take a minute; this many salts are enough to make sign-in do its real work. */
const SALTS = 64

const THURSDAY = 3

/** Fills the orders database: subscribers, and what they ordered and rated since ByteBites began. */
export async function seed(context: SeedContext): Promise<void> {
  const recipes = catalogRecipes()
  const subscribers = [...seededSubscribers()]
  context.progress(`${subscribers.length} subscribers and their orders`)
  await fillBare(context, ['subscriber', 'order', 'order_line', 'rating'], async () => {
    // Orders are made once: what else they lead to is kept, as plain numbers, until it can be copied in its turn.
    const details: OrderDetails = { lines: numberRows(LINE_COLUMNS.length), ratings: numberRows(4), counts: new Map() }
    await context.copy('order', ORDER_COLUMNS, orderRows(orderHistory(subscribers, recipes), details))
    await context.copy('order_line', LINE_COLUMNS, details.lines.rows())
    await context.copy('rating', ['user_id', 'recipe_id', 'stars', 'rated_at'], ratingRows(details))
    await context.copy('subscriber', SUBSCRIBER_COLUMNS, subscriberRows(subscribers, details))
    context.progress('keys and indexes')
  })
  await context.execute(
    `select setval(pg_get_serial_sequence('subscriber', 'user_id'), (select max(user_id) from subscriber))`,
  )
}

/** What follows from the orders, filled while they go by. */
export interface OrderDetails {
  /** As {@link LINE_COLUMNS}. */
  readonly lines: NumberRows
  /** Subscriber, recipe, stars, delivery week. */
  readonly ratings: NumberRows
  /** Orders by subscriber. */
  readonly counts: Map<number, number>
}

const SUBSCRIBER_COLUMNS = [
  'user_id',
  'email',
  'name',
  'password_hash',
  'diet',
  'allergens',
  'region',
  'meals',
  'people',
  'taste',
  'signed_up_at',
  'last_order_number',
]

export function* subscriberRows(subscribers: Iterable<SeededSubscriber>, details: OrderDetails) {
  const chance = dice(14)
  const startsOf = dayStarts()
  const hashes = Array.from({ length: SALTS }, () =>
    hashPassword(SEEDED_PASSWORD, Buffer.from(Array.from({ length: 16 }, () => chance.integer(256)))),
  )
  for (const subscriber of subscribers) {
    const { userId, firstWeek, region } = subscriber
    // In the two days before the first week that they could order for.
    const signedUpAt = startsOf(firstWeek - 2, REGIONS[region], THURSDAY) - chance.integer(172_800) * 1000
    yield [
      userId,
      subscriber.email,
      subscriber.name,
      chance.pick(hashes),
      subscriber.diet,
      textArray(subscriber.allergens),
      region,
      subscriber.meals,
      subscriber.people,
      realArray(subscriber.taste),
      new Date(signedUpAt),
      details.counts.get(userId) ?? 0,
    ]
  }
}

const ORDER_COLUMNS = [
  'user_id',
  'order_number',
  'placed_at',
  'delivery_week',
  'slot',
  'meals',
  'people',
  'voucher',
  'reduction_cents',
  'delivery_cents',
  'tax_cents',
  'total_cents',
]

export function* orderRows(orders: Iterable<SeededOrder>, details: OrderDetails) {
  for (const order of orders) {
    const { subscriber, price, rating } = order
    const { userId } = subscriber
    let deliveryCents = 0
    for (const { item, quantity, totalCents, taxCents } of price.lines) {
      if (item.kind === 'delivery') deliveryCents = totalCents
      else details.lines.push(userId, order.orderNumber, item.recipeId, quantity, totalCents, taxCents)
    }
    if (rating !== undefined) details.ratings.push(userId, rating.recipeId, rating.stars, order.week)
    details.counts.set(userId, order.orderNumber)
    yield [
      userId,
      order.orderNumber,
      new Date(order.placedAtMs),
      order.week,
      order.slot,
      subscriber.meals,
      subscriber.people,
      order.voucher,
      price.reductionCents,
      deliveryCents,
      price.taxCents,
      price.totalCents,
    ]
  }
}

const LINE_COLUMNS = ['user_id', 'order_number', 'recipe_id', 'servings', 'total_cents', 'tax_cents']

/** Meals are rated on the Sunday after they came. */
const SUNDAY = 6

function* ratingRows(details: OrderDetails) {
  for (const [userId = 0, recipeId = 0, stars = 0, week = 0] of details.ratings.rows()) {
    yield [userId, recipeId, stars, `${isoDay(dayOf(week, SUNDAY))}T18:00:00Z`]
  }
}
