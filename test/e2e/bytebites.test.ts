import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ask, CHECKOUT, eventually, stage, urlIn } from './stage.ts'

const UP = ['up', '--port', '0', '--ephemeral']

test('somebody signs in, orders what is recommended, and finds the order after a restart', async () => {
  const on = stage({}, { directory: copyOfByteBites() })
  const first = on.tenfold(UP, { timeoutMs: 280_000 })
  await first.says(/Ctrl-C stops everything/, 240_000)
  const placed = await order(urlIn(first.out()))
  const [recipe, ...others] = placed.box
  await eventually('the recommender to count the box', async () => {
    const { orderedTogether } = await ask<Recipe>(urlIn(first.out()), `/recipes/${recipe}`)
    return orderedTogether.length > 0 && orderedTogether.every(({ id }) => others.includes(id))
  })
  first.signal('SIGINT')
  expect(await first.ended).toMatchObject({ code: 0, signal: null })
  expect(on.leftovers()).toEqual([])

  const second = on.tenfold(UP, { timeoutMs: 280_000 })
  await second.says(/Ctrl-C stops everything/, 240_000)
  expect(second.err()).not.toMatch(/seeding|migrating/)
  const url = urlIn(second.out())
  const { orders } = await call<{ orders: { id: string }[] }>(url, 'GET', '/orders', undefined, await signIn(url))
  expect(orders.map(({ id }) => id)).toContain(placed.id)
  second.signal('SIGINT')
  expect(await second.ended).toMatchObject({ code: 0, signal: null })
  expect(on.leftovers()).toEqual([])
}, 600_000)

interface Recipe {
  readonly orderedTogether: readonly { readonly id: number }[]
}

async function order(url: string): Promise<{ id: string; box: readonly number[] }> {
  const token = await signIn(url)
  const menu = await call<{ week: number; slots: { code: string }[] }>(url, 'GET', '/menu', undefined, token)
  const { box } = await call<{ box: number[] }>(url, 'GET', `/recommendations?week=${menu.week}`, undefined, token)
  const wanted = { week: menu.week, recipeIds: box, slot: menu.slots[0]!.code }
  return { box, id: (await call<{ id: string }>(url, 'POST', '/orders', wanted, token)).id }
}

async function signIn(url: string): Promise<string> {
  const credentials = { email: 'subscriber42@example.com', password: 'what is for dinner' }
  return (await call<{ token: string }>(url, 'POST', '/sessions', credentials)).token
}

async function call<Answer>(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      'idempotency-key': 'restart-test-1',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  })
  const text = await response.text()
  expect(response.status, `${method} ${path}: ${text}`).toBeLessThan(300)
  return JSON.parse(text) as Answer
}

/** Inside the checkout, where `tenfold` and its dependencies are found, without the data of whoever works here. */
function copyOfByteBites(): string {
  const directory = join(CHECKOUT, `.bench/e2e-${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  cpSync(join(CHECKOUT, 'systems/bytebites'), directory, {
    recursive: true,
    filter: (path) => !path.endsWith('.tenfold'),
  })
  return directory
}
