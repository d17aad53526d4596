import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { deliverySlot } from '../../domain/delivery-slot.ts'
import { menuNumber } from '../../domain/menu.ts'
import { decideOrder, type OrderRequest } from '../../domain/order-rules.ts'
import { REGIONS } from '../../domain/region.ts'
import { dayOf, isoDay } from '../../domain/week.ts'
import { Problem } from '../problem.ts'
import { signedIn } from '../session.ts'
import type { CatalogStore } from '../stores/catalog-store.ts'
import type { OrderStore, PlacedOrder, PlacementOutcome } from '../stores/order-store.ts'
import type { SubscriberStore } from '../stores/subscriber-store.ts'
import { WEEK_SCHEMA } from './menu-routes.ts'

interface Dependencies {
  readonly catalog: CatalogStore
  readonly orders: OrderStore
  readonly subscribers: SubscriberStore
  readonly now: () => number
}

const ORDERS_LISTED = 20

/** `POST /orders`: once for each `Idempotency-Key`, however often it is sent. `GET /orders`: the latest. */
export function orderRoutes(app: FastifyInstance, { catalog, orders, subscribers, now }: Dependencies): void {
  app.post<{ Body: OrderRequest; Headers: { 'idempotency-key': string } }>(
    '/orders',
    { schema: PLACE_SCHEMA },
    async (request, reply) => {
      const nowMs = now()
      const subscriber = await signedIn(request, subscribers, nowMs)
      const { userId } = subscriber
      const key = request.headers['idempotency-key']
      const requestHash = hashOf(request.body)
      // Before the rules: what was in time when it was placed stays placed, whenever the client asks again.
      const earlier = await repeated(orders, userId, key, requestHash)
      if (earlier !== undefined) return reply.code(200).send(answerOf(userId, earlier))

      const decision = decideOrder(request.body, {
        subscriber: {
          ...subscriber,
          region: REGIONS[subscriber.region],
          isFirstOrder: subscriber.lastOrderNumber === 0,
        },
        menu: await catalog.onMenu(menuNumber(request.body.week), request.body.recipeIds),
        nowMs,
      })
      if (!decision.ok) {
        throw new Problem(422, 'the order breaks the rules in failures', { failures: decision.failures })
      }
      const outcome = await orders.place({ userId, order: decision.order, key, requestHash, nowMs })
      if (outcome.kind === 'placed') return reply.code(201).send(answerOf(userId, outcome.order))
      // Two requests with one key at the same time: the other one was first.
      const other = outcome.kind === 'key-used' ? await repeated(orders, userId, key, requestHash) : undefined
      if (other !== undefined) return reply.code(200).send(answerOf(userId, other))
      throw refusal(outcome)
    },
  )

  app.get('/orders', { schema: LIST_SCHEMA }, async (request) => {
    const { userId } = await signedIn(request, subscribers, now())
    const placed = await orders.list(userId, ORDERS_LISTED)
    return { orders: placed.map((order) => answerOf(userId, order)) }
  })
}

async function repeated(
  orders: OrderStore,
  userId: number,
  key: string,
  requestHash: Buffer,
): Promise<PlacedOrder | undefined> {
  const earlier = await orders.byKey(userId, key)
  if (earlier === undefined || earlier.requestHash.equals(requestHash)) return earlier?.order
  throw new Problem(422, 'expected a new idempotency-key for a new order, got one that was used for another')
}

function refusal(outcome: Exclude<PlacementOutcome, { kind: 'placed' }>): Problem {
  const detail = {
    'slot-full': 'the slot has no place left; choose another',
    'not-first': 'the voucher is for a first order, and another order came first',
    'key-used': 'the same idempotency-key is being used at this moment; try again',
  }[outcome.kind]
  return new Problem(409, detail, { failures: [{ kind: outcome.kind }] })
}

/** Of what the order means, in a fixed order: however the client writes its JSON. */
function hashOf({ week, recipeIds, slot, voucher }: OrderRequest): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([week, recipeIds, slot, voucher ?? null]))
    .digest()
}

function answerOf(userId: number, order: PlacedOrder) {
  const { orderNumber, placedAtMs, week, ...rest } = order
  return {
    ...rest,
    id: `${userId}-${orderNumber}`,
    placedAt: new Date(placedAtMs).toISOString(),
    week,
    deliveryDay: isoDay(dayOf(week, deliverySlot(order.slot)?.weekday ?? 0)),
  }
}

const TEXT = { type: 'string' } as const
const WHOLE = { type: 'integer' } as const

const ORDER = {
  type: 'object',
  properties: {
    id: TEXT,
    placedAt: TEXT,
    week: WHOLE,
    deliveryDay: TEXT,
    slot: TEXT,
    voucher: { type: 'string', nullable: true },
    meals: {
      type: 'array',
      items: {
        type: 'object',
        properties: { recipeId: WHOLE, servings: WHOLE, totalCents: WHOLE, taxCents: WHOLE },
      },
    },
    reductionCents: WHOLE,
    deliveryCents: WHOLE,
    taxCents: WHOLE,
    totalCents: WHOLE,
  },
} as const

const PLACE_SCHEMA = {
  headers: {
    type: 'object',
    required: ['idempotency-key'],
    properties: { 'idempotency-key': { type: 'string', pattern: '^[\\x21-\\x7e]{8,100}$' } },
  },
  body: {
    type: 'object',
    required: ['week', 'recipeIds', 'slot'],
    additionalProperties: false,
    properties: {
      week: WEEK_SCHEMA,
      recipeIds: {
        type: 'array',
        minItems: 1,
        maxItems: 10,
        items: { type: 'integer', minimum: 1, maximum: 2_147_483_647 },
      },
      slot: { type: 'string', maxLength: 40 },
      voucher: { type: 'string', minLength: 1, maxLength: 40 },
    },
  },
  response: { 200: ORDER, 201: ORDER },
} as const

const LIST_SCHEMA = {
  response: { 200: { type: 'object', properties: { orders: { type: 'array', items: ORDER } } } },
} as const
