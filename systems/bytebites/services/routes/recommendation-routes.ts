import type { FastifyInstance } from 'fastify'
import { forwarded } from 'tenfold/service'
import { firstOpenWeek } from '../../domain/cut-off.ts'
import { REGIONS } from '../../domain/region.ts'
import { Problem } from '../problem.ts'
import type { RecommendFor } from '../recommendations.ts'
import { signedIn } from '../session.ts'
import type { SubscriberStore } from '../stores/subscriber-store.ts'
import { WEEK_SCHEMA } from './menu-routes.ts'

/** `GET /recommendations`: for whoever is signed in. */
export function recommendationRoutes(
  app: FastifyInstance,
  dependencies: { subscribers: SubscriberStore; recommend: RecommendFor; now: () => number },
): void {
  const { subscribers, recommend, now } = dependencies
  app.get<{ Querystring: { week?: number } }>('/recommendations', { schema: SCHEMA }, async (request) => {
    const nowMs = now()
    const subscriber = await signedIn(request, subscribers, nowMs)
    const week = request.query.week ?? firstOpenWeek(REGIONS[subscriber.region], nowMs)
    return found(await recommend(subscriber.userId, week, forwarded(request.headers)))
  })
}

/** `GET /recommendations/:userId?week=`: for other services, never for the public. */
export function internalRecommendationRoutes(app: FastifyInstance, { recommend }: { recommend: RecommendFor }): void {
  app.get<{ Params: { userId: number }; Querystring: { week: number } }>(
    '/recommendations/:userId',
    { schema: INTERNAL_SCHEMA },
    async (request) => found(await recommend(request.params.userId, request.query.week, forwarded(request.headers))),
  )
}

function found<T>(recommendations: T | undefined): T {
  if (recommendations === undefined) throw new Problem(404, 'expected the number of a subscriber')
  return recommendations
}

const ANSWER = {
  type: 'object',
  properties: {
    week: { type: 'integer' },
    picks: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          recipeId: { type: 'integer' },
          name: { type: 'string' },
          score: { type: 'number' },
          because: { type: 'array', items: { type: 'string' } },
        },
      },
    },
    box: { type: 'array', items: { type: 'integer' } },
  },
} as const

const SCHEMA = {
  querystring: { type: 'object', additionalProperties: false, properties: { week: WEEK_SCHEMA } },
  response: { 200: ANSWER },
} as const

const INTERNAL_SCHEMA = {
  params: { type: 'object', properties: { userId: { type: 'integer', minimum: 1, maximum: 2_147_483_647 } } },
  querystring: {
    type: 'object',
    required: ['week'],
    additionalProperties: false,
    properties: { week: WEEK_SCHEMA },
  },
  response: { 200: ANSWER },
} as const
