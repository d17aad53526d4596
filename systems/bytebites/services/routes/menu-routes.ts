import type { FastifyInstance } from 'fastify'
import { isSafe } from '../../domain/allergen.ts'
import { closesAt, firstOpenWeek } from '../../domain/cut-off.ts'
import { DELIVERY_SLOTS } from '../../domain/delivery-slot.ts'
import { menuNumber } from '../../domain/menu.ts'
import { REGIONS } from '../../domain/region.ts'
import { dayOf, isoDay } from '../../domain/week.ts'
import { Problem } from '../problem.ts'
import { signedIn } from '../session.ts'
import type { CatalogStore } from '../stores/catalog-store.ts'
import type { OrderStore } from '../stores/order-store.ts'
import type { SubscriberStore } from '../stores/subscriber-store.ts'

interface Dependencies {
  readonly catalog: CatalogStore
  readonly orders: OrderStore
  readonly subscribers: SubscriberStore
  readonly now: () => number
}

/** `GET /menu`: what can be ordered for a week, until when and for which slots. `GET /recipes/:id`: one in detail. */
export function menuRoutes(app: FastifyInstance, { catalog, orders, subscribers, now }: Dependencies): void {
  app.get<{ Querystring: { week?: number } }>('/menu', { schema: MENU_SCHEMA }, async (request) => {
    const nowMs = now()
    const subscriber = await signedIn(request, subscribers, nowMs)
    const region = REGIONS[subscriber.region]
    const week = request.query.week ?? firstOpenWeek(region, nowMs)
    const [recipes, full] = await Promise.all([catalog.menu(menuNumber(week)), orders.fullSlots(region.code, week)])
    return {
      week,
      monday: isoDay(dayOf(week, 0)),
      closesAt: new Date(closesAt(week, region)).toISOString(),
      slots: DELIVERY_SLOTS.filter((slot) => !full.has(slot.code)).map((slot) => ({
        ...slot,
        day: isoDay(dayOf(week, slot.weekday)),
      })),
      recipes: recipes.map((recipe) => ({ ...recipe, isSafe: isSafe(recipe.allergens, subscriber.allergens) })),
    }
  })

  app.get<{ Params: { id: number } }>('/recipes/:id', { schema: RECIPE_SCHEMA }, async (request) => {
    const recipe = await catalog.recipe(request.params.id)
    if (recipe === undefined) throw new Problem(404, `expected the id of a recipe, got ${request.params.id}`)
    return recipe
  })
}

const TEXT = { type: 'string' } as const
const WHOLE = { type: 'integer' } as const

/** A recipe as clients see it. */
const RECIPE_PROPERTIES = {
  id: WHOLE,
  name: TEXT,
  cuisine: TEXT,
  diet: TEXT,
  allergens: { type: 'array', items: TEXT },
  minutes: WHOLE,
  kcal: WHOLE,
  surchargeCents: WHOLE,
} as const

/** Weeks far enough for any date that a `Date` of this century can hold. */
export const WEEK_SCHEMA = { type: 'integer', minimum: 0, maximum: 4000 } as const

const MENU_SCHEMA = {
  querystring: { type: 'object', additionalProperties: false, properties: { week: WEEK_SCHEMA } },
  response: {
    200: {
      type: 'object',
      properties: {
        week: WHOLE,
        monday: TEXT,
        closesAt: TEXT,
        slots: {
          type: 'array',
          items: {
            type: 'object',
            properties: { code: TEXT, day: TEXT, fromHour: WHOLE, toHour: WHOLE, feeCents: WHOLE },
          },
        },
        recipes: {
          type: 'array',
          items: { type: 'object', properties: { ...RECIPE_PROPERTIES, isSafe: { type: 'boolean' } } },
        },
      },
    },
  },
} as const

const RECIPE_SCHEMA = {
  params: { type: 'object', properties: { id: { type: 'integer', minimum: 1, maximum: 2_147_483_647 } } },
  response: {
    200: {
      type: 'object',
      properties: {
        ...RECIPE_PROPERTIES,
        proteinGrams: WHOLE,
        ingredients: { type: 'array', items: { type: 'object', properties: { name: TEXT, grams: WHOLE } } },
        orderedTogether: { type: 'array', items: { type: 'object', properties: { id: WHOLE, name: TEXT } } },
      },
    },
  },
} as const
