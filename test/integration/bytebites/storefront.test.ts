import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closesAt } from '../../../systems/bytebites/domain/cut-off.ts'
import { REGIONS } from '../../../systems/bytebites/domain/region.ts'
import type { ByteBites } from './bytebites-for-tests.ts'
import { definitionsIn, startByteBites } from './bytebites-for-tests.ts'

let bytebites: ByteBites

// Half a million orders: seconds on an idle machine, minutes on one that is busy with something else.
beforeAll(async () => {
  bytebites = await startByteBites()
}, 240_000)

afterAll(() => bytebites?.end())

interface Visit {
  readonly userId: number
  readonly headers: { authorization: string }
  readonly menu: { week: number; slots: { code: string }[]; recipes: { id: number; isSafe: boolean }[] }
  readonly box: number[]
}

/** Signs in, reads the menu and the recommendations. */
async function visit(userId: number): Promise<Visit> {
  const signIn = await bytebites.app.inject({
    method: 'POST',
    url: '/sessions',
    payload: { email: `subscriber${userId}@example.com`, password: 'what is for dinner' },
  })
  expect(signIn.statusCode).toBe(201)
  const headers = { authorization: `Bearer ${signIn.json().token}` }
  const menu = (await bytebites.app.inject({ url: '/menu', headers })).json()
  const recommended = await bytebites.app.inject({ url: `/recommendations?week=${menu.week}`, headers })
  return { userId, headers, menu, box: recommended.json().box }
}

function order(from: Visit, key: string, changes: Record<string, unknown> = {}) {
  return bytebites.app.inject({
    method: 'POST',
    url: '/orders',
    headers: { ...from.headers, 'idempotency-key': key },
    payload: { week: from.menu.week, recipeIds: from.box, slot: 'tue-evening', ...changes },
  })
}

async function one<Row>(sql: string, values: readonly unknown[] = []): Promise<Row> {
  const { rows } = await bytebites.connection.query<Row>(sql, values)
  return rows[0] as Row
}

const takenIn = (region: string, slot: string) =>
  one<{ taken: number; week: number }>(
    'select taken, delivery_week as week from delivery_slot where region = $1 and slot = $2',
    [region, slot],
  )

const usersIn = async (region: string, count: number): Promise<number[]> => {
  const { rows } = await bytebites.connection.query<{ user_id: number }>(
    'select user_id from subscriber where region = $1 order by user_id desc limit $2',
    [region, count],
  )
  return rows.map((row) => row.user_id)
}

describe('the data set', () => {
  test('is whole: half a million orders and more, of 50,000 subscribers', async () => {
    const counts = await one(`select (select count(*)::int from subscriber) as subscribers,
      (select count(*)::int from recipe) as recipes, (select count(*)::int from "order") as orders,
      (select count(*)::int from order_line) as lines, (select count(*)::int from rating) as ratings`)
    expect(counts).toEqual({
      subscribers: 50_000,
      recipes: 357,
      orders: 518_002,
      lines: expect.any(Number),
      ratings: expect.any(Number),
    })
  })

  test('leaves every constraint and index as the migrations made it', async () => {
    expect(await definitionsIn(bytebites.connection)).toEqual(bytebites.definitions)
  })

  test('adds up: lines and delivery to the total, order numbers to the subscriber', async () => {
    const wrong = await one(`
      select (select count(*)::int from (
               select from "order" join order_line using (user_id, order_number) where user_id % 50 = 7
               group by user_id, order_number, "order".total_cents, "order".delivery_cents
               having sum(order_line.total_cents) + "order".delivery_cents <> "order".total_cents) o) as orders,
             (select count(*)::int from subscriber where last_order_number <>
               (select coalesce(max(order_number), 0) from "order" where "order".user_id = subscriber.user_id)) as numbers`)
    expect(wrong).toEqual({ orders: 0, numbers: 0 })
  })
})

describe('a visit', () => {
  test('ends with a box that the subscriber can eat and order, whoever it is', async () => {
    const { rows } = await bytebites.connection.query<{ user_id: number }>(`
      select distinct on (diet, allergens) user_id from subscriber order by diet, allergens, user_id desc limit 300`)
    for (const { user_id: userId } of rows.filter((_, i) => i % 4 === 0)) {
      const visitor = await visit(userId)
      const placed = await order(visitor, `visit-${userId}`)
      expect([userId, placed.statusCode, placed.body]).toEqual([userId, 201, expect.any(String)])
    }
  }, 60_000)

  test('shows the order in the list, newest first, with its sums', async () => {
    const visitor = await visit(42)
    const placed = (await order(visitor, 'list-me-42')).json()
    const { orders } = (await bytebites.app.inject({ url: '/orders', headers: visitor.headers })).json()
    expect(orders[0]).toEqual(placed)
    expect(orders.length).toBeGreaterThan(1)
    const sum = placed.meals.reduce((total: number, meal: { totalCents: number }) => total + meal.totalCents, 0)
    expect(sum + placed.deliveryCents).toBe(placed.totalCents)
  })

  test('recommends other dishes once the first ones are ordered', async () => {
    const before = await visit(777)
    await order(before, 'ordered-777', { week: before.menu.week })
    const after = await bytebites.app.inject({
      url: `/recommendations?week=${before.menu.week + 1}`,
      headers: before.headers,
    })
    expect(after.json().box).not.toEqual(expect.arrayContaining(before.box))
  })

  test('works at any date: the last second before a cut-off, the first after it, and in years', async () => {
    const region = REGIONS[(await one<{ region: 'de' }>('select region from subscriber where user_id = 99')).region]
    const now = bytebites.now
    const week = (await visit(99)).menu.week
    for (const [at, expected] of [
      [closesAt(week, region) - 1, week],
      [closesAt(week, region), week + 1],
      [Date.UTC(2031, 2, 30, 1), undefined],
    ] as const) {
      bytebites.now = at
      const visitor = await visit(99)
      if (expected !== undefined) expect(visitor.menu.week).toBe(expected)
      expect((await order(visitor, `at-any-date-${at}`)).statusCode).toBe(201)
    }
    bytebites.now = now
  })
})

describe('an order', () => {
  test('is placed once for each key, however many send it at once', async () => {
    const visitor = await visit(1234)
    const before = await one<{ n: number }>('select last_order_number as n from subscriber where user_id = 1234')
    const answers = await Promise.all(Array.from({ length: 10 }, () => order(visitor, 'the-same-key')))
    const codes = answers.map((answer) => answer.statusCode).sort()
    expect(codes).toEqual([...Array.from({ length: 9 }, () => 200), 201])
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1)
    const after = await one<{ n: number }>('select last_order_number as n from subscriber where user_id = 1234')
    expect(after.n).toBe(before.n + 1)
    const other = await order(visitor, 'the-same-key', { slot: 'mon-morning' })
    expect(other.statusCode).toBe(422)
  })

  test('is answered as before when it is sent again after the cut-off', async () => {
    const visitor = await visit(4321)
    const first = await order(visitor, 'before-the-cut-off')
    const now = bytebites.now
    const region = REGIONS[(await one<{ region: 'de' }>('select region from subscriber where user_id = 4321')).region]
    await bytebites.connection.query(`update session set expires_at = '2100-01-01' where user_id = 4321`)
    bytebites.now = closesAt(visitor.menu.week, region)
    const again = await order(visitor, 'before-the-cut-off')
    const late = await order(visitor, 'after-the-cut-off')
    bytebites.now = now
    expect([again.statusCode, again.json()]).toEqual([200, first.json()])
    expect(late.statusCode).toBe(422)
    expect(late.json().failures).toMatchObject([{ kind: 'cut-off-passed', firstOpenWeek: visitor.menu.week + 1 }])
  })

  test('takes the last places of a slot exactly once, however many want them', async () => {
    const visitors = await Promise.all((await usersIn('ie', 24)).map((userId) => visit(userId)))
    const { week } = visitors[0]!.menu
    await bytebites.connection.query(
      `insert into delivery_slot (region, delivery_week, slot, capacity, taken) values ('ie', $1, 'sat-evening', 7, 0)
       on conflict (region, delivery_week, slot) do update set capacity = 7, taken = 0`,
      [week],
    )
    const answers = await Promise.all(visitors.map((one) => order(one, `slot-${one.userId}`, { slot: 'sat-evening' })))
    const codes = answers.map((answer) => answer.statusCode).sort()
    expect(codes).toEqual([...Array.from({ length: 7 }, () => 201), ...Array.from({ length: 17 }, () => 409)])
    const full = answers.find((answer) => answer.statusCode === 409)
    expect(full?.json()).toMatchObject({ status: 409, failures: [{ kind: 'slot-full' }] })
    expect(await takenIn('ie', 'sat-evening')).toEqual({ taken: 7, week })
    const placed = await one<{ n: number }>(
      `select count(*)::int as n from "order" where idempotency_key like 'slot-%'`,
    )
    expect(placed.n).toBe(7)
    const menu = (await bytebites.app.inject({ url: '/menu', headers: visitors[0]!.headers })).json()
    expect(menu.slots.map((slot: { code: string }) => slot.code)).not.toContain('sat-evening')
  })

  test('uses a voucher for first orders once, even by two orders at the same time', async () => {
    await bytebites.connection.query(`
      insert into subscriber (user_id, email, name, password_hash, diet, region, meals, people, taste)
      select 60001, 'subscriber60001@example.com', 'New', password_hash, 'omnivore', 'de', 3, 2, taste from subscriber where user_id = 1`)
    const visitor = await visit(60_001)
    const answers = await Promise.all(
      ['one', 'two'].map((key) => order(visitor, `welcome-${key}`, { voucher: 'welcome40' })),
    )
    const accepted = answers.filter((answer) => answer.statusCode === 201)
    expect(accepted).toHaveLength(1)
    expect(accepted[0]?.json().reductionCents).toBeGreaterThan(0)
  })

  test('never holds an allergen of the subscriber', async () => {
    const { user_id: userId } = await one<{ user_id: number }>(
      `select user_id from subscriber where allergens @> '{milk}' limit 1`,
    )
    const visitor = await visit(userId)
    const harmful = visitor.menu.recipes.find((recipe) => !recipe.isSafe)!
    const answer = await order(visitor, 'with-an-allergen', { recipeIds: [...visitor.box.slice(1), harmful.id] })
    expect(answer.statusCode).toBe(422)
    expect(answer.json().failures).toMatchObject([{ kind: 'allergens', recipeId: harmful.id }])
  })
})

describe('a session', () => {
  test('opens with the right password only, and ends', async () => {
    const wrong = await bytebites.app.inject({
      method: 'POST',
      url: '/sessions',
      payload: { email: 'subscriber5@example.com', password: 'what is for lunch' },
    })
    expect([wrong.statusCode, wrong.headers['content-type']]).toEqual([
      401,
      expect.stringContaining('application/problem+json'),
    ])
    const visitor = await visit(5)
    const now = bytebites.now
    bytebites.now = now + 31 * 60_000
    expect((await bytebites.app.inject({ url: '/menu', headers: visitor.headers })).statusCode).toBe(401)
    await visit(5)
    bytebites.now = now
    expect(await one('select count(*)::int as n from session where user_id = 5')).toEqual({ n: 1 })
  })
})
