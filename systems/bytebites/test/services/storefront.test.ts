import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { hashPassword } from '../../services/password.ts'
import { remoteRecommender } from '../../services/remote-recommender.ts'
import { createServer } from '../../services/server.ts'
import { type Storefront, storefrontRoutes } from '../../services/storefront.ts'
import type { CatalogStore } from '../../services/stores/catalog-store.ts'
import type { OrderStore } from '../../services/stores/order-store.ts'
import type { Subscriber, SubscriberStore } from '../../services/stores/subscriber-store.ts'

const subscriber: Subscriber = {
  userId: 7,
  name: 'Ada Birkhof',
  diet: 'omnivore',
  allergens: [],
  region: 'de',
  meals: 3,
  people: 2,
  taste: [],
  lastOrderNumber: 0,
}

/** Knows one subscriber and forgets no session. */
function oneSubscriber(): SubscriberStore {
  const hashes = new Set<string>()
  const passwordHash = hashPassword('right')
  return {
    find: async (userId) => (userId === 7 ? subscriber : undefined),
    credentials: async (email) => (email === 'ada@example.com' ? { userId: 7, passwordHash } : undefined),
    async openSession({ tokenHash }) {
      hashes.add(tokenHash.toString('hex'))
    },
    bySession: async (userId, tokenHash) =>
      userId === 7 && hashes.has(tokenHash.toString('hex')) ? subscriber : undefined,
  }
}

const emptyCatalog: CatalogStore = {
  menu: async () => [],
  onMenu: async () => [],
  tasteMenu: async () => [],
  tastes: async () => new Map(),
  recipe: async () => undefined,
}

const noOrders: OrderStore = {
  place: async () => ({ kind: 'slot-full' }),
  byKey: async () => undefined,
  list: async () => [],
  history: async () => [],
  fullSlots: async () => new Set(['mon-morning']),
}

function storefront(changes: Partial<Storefront> = {}): FastifyInstance {
  const app = createServer()
  app.log.level = 'silent'
  storefrontRoutes(app, {
    catalog: emptyCatalog,
    orders: noOrders,
    subscribers: oneSubscriber(),
    recommend: async (_userId, week) => ({ week, picks: [], box: [1, 2, 3] }),
    now: () => Date.UTC(2026, 10, 22, 17),
    ...changes,
  })
  return app
}

async function signIn(app: FastifyInstance): Promise<{ authorization: string }> {
  const answer = await app.inject({
    method: 'POST',
    url: '/sessions',
    payload: { email: 'ada@example.com', password: 'right' },
  })
  expect(answer.statusCode).toBe(201)
  return { authorization: `Bearer ${answer.json().token}` }
}

describe('the storefront', () => {
  it('signs in with the right password only, and says the same to wrong ones and unknown addresses', async () => {
    const app = storefront()
    await signIn(app)
    const bodies = await Promise.all(
      [
        { email: 'ada@example.com', password: 'wrong' },
        { email: 'eve@example.com', password: 'right' },
      ].map(async (payload) => (await app.inject({ method: 'POST', url: '/sessions', payload })).json()),
    )
    expect(bodies[0]).toMatchObject({ status: 401, title: 'Sign in first' })
    expect(bodies[1]).toEqual(bodies[0])
  })

  it.each(['', 'Bearer ', 'Bearer 7.short', 'Bearer 8.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'Basic abc'])(
    'asks to sign in where the token is "%s"',
    async (authorization) => {
      for (const url of ['/menu', '/recommendations', '/orders']) {
        const answer = await storefront().inject({ url, headers: { authorization } })
        expect([answer.statusCode, answer.headers['content-type']]).toEqual([
          401,
          expect.stringContaining('application/problem+json'),
        ])
      }
    },
  )

  it('shows the slots that have room, and the week that can be ordered', async () => {
    const app = storefront()
    const menu = (await app.inject({ url: '/menu', headers: await signIn(app) })).json()
    expect(menu).toMatchObject({ week: 152, monday: '2026-11-30', closesAt: '2026-11-25T23:00:00.000Z' })
    expect(menu.slots).toHaveLength(17)
    expect(menu.slots[0]).toEqual({ code: 'mon-afternoon', day: '2026-11-30', fromHour: 12, toHour: 17, feeCents: 0 })
  })

  it('refuses what is malformed before it asks any database', async () => {
    const app = storefront()
    const headers = { ...(await signIn(app)), 'idempotency-key': 'a-good-key' }
    const good = { week: 152, recipeIds: [1, 2], slot: 'tue-evening' }
    for (const [payload, changes] of [
      [{ ...good, week: 'next' }, {}],
      [{ ...good, recipeIds: [] }, {}],
      [{ ...good, recipeIds: [1.5] }, {}],
      [{ week: 152, recipeIds: [1, 2] }, {}],
      [{ ...good, recipeIds: 1 }, {}],
      [{ ...good, coupon: 'FRIEND10' }, {}],
      [good, { 'idempotency-key': 'short' }],
    ] as const) {
      const answer = await app.inject({ method: 'POST', url: '/orders', payload, headers: { ...headers, ...changes } })
      expect(answer.json()).toMatchObject({ status: 400, title: 'The request is malformed' })
    }
    const huge = await app.inject({ method: 'POST', url: '/orders', payload: { slot: 'x'.repeat(20_000) }, headers })
    expect(huge.statusCode).toBe(413)
  })

  it('names all the rules that an order breaks', async () => {
    const app = storefront()
    const answer = await app.inject({
      method: 'POST',
      url: '/orders',
      payload: { week: 100, recipeIds: [1], slot: 'never' },
      headers: { ...(await signIn(app)), 'idempotency-key': 'a-good-key' },
    })
    expect(answer.json()).toMatchObject({ status: 422, title: 'The request breaks a rule' })
    expect(answer.json().failures.map((failure: { kind: string }) => failure.kind)).toEqual([
      'cut-off-passed',
      'meals-per-box',
      'not-on-menu',
      'slot-unknown',
    ])
  })

  it('answers 503 while the database is away, 500 for what nobody expected, and tells neither secret', async () => {
    for (const [error, status] of [
      [Object.assign(new Error('postgres://orders:hunter2@db'), { code: 'TF_DATABASE_UNREACHABLE' }), 503],
      [Object.assign(new Error('hunter2'), { code: 'TF_COMMIT_INDETERMINATE' }), 503],
      [new Error('hunter2'), 500],
    ] as const) {
      const catalog = { ...emptyCatalog, recipe: () => Promise.reject(error) }
      const answer = await storefront({ catalog }).inject({ url: '/recipes/1' })
      expect(answer.json()).toMatchObject({ status })
      expect(answer.body).not.toContain('hunter2')
      expect(answer.headers['retry-after']).toBe(status === 503 ? '1' : undefined)
    }
  })

  it('says what is not there', async () => {
    expect((await storefront().inject({ url: '/nowhere' })).json()).toMatchObject({ status: 404 })
    expect((await storefront().inject({ url: '/recipes/999' })).json()).toMatchObject({ status: 404 })
    expect((await storefront().inject({ url: '/health' })).json()).toEqual({ status: 'ok' })
  })
})

describe('recommendations from another service', () => {
  const recommend = (response: Response) => remoteRecommender({ fetch: async () => response })

  it('are handed on, for the request that asked for them', async () => {
    const asked: unknown[] = []
    const answer = { week: 152, picks: [], box: [4] }
    const remote = remoteRecommender({
      async fetch(path, init) {
        asked.push(path, init?.headers)
        return Response.json(answer)
      },
    })
    const app = storefront({ recommend: remote })
    const headers = { ...(await signIn(app)), 'x-request-id': 'abc' }
    expect((await app.inject({ url: '/recommendations?week=152', headers })).json()).toEqual(answer)
    expect(asked).toEqual(['/recommendations/7?week=152', { 'x-request-id': 'abc' }])
  })

  it('are missing for unknown subscribers and unavailable when the service fails', async () => {
    expect(await recommend(new Response('{}', { status: 404 }))(7, 152, {})).toBeUndefined()
    const app = storefront({ recommend: recommend(new Response('oops', { status: 502 })) })
    const answer = await app.inject({ url: '/recommendations', headers: await signIn(app) })
    expect(answer.json()).toMatchObject({ status: 503, detail: 'recommendations are not available at the moment' })
  })
})
