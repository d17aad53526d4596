import type { Load, Scenario } from 'tenfold'
import { SEEDED_PASSWORD, SUBSCRIBERS } from './data/story.ts'

/** What a subscriber does before dinner: sign in, look at the menu, read what is recommended, and order it. */
export const dinner: Scenario = {
  name: 'dinner',
  feeds: { subscriber: { sequence: { from: 1, to: SUBSCRIBERS }, pick: 'random' } },
  steps: [
    {
      name: 'sign in',
      method: 'POST',
      path: '/sessions',
      json: { email: 'subscriber{{subscriber.value}}@example.com', password: SEEDED_PASSWORD },
      check: { status: 201 },
      extract: { token: { json: 'token' }, session: { json: 'session' } },
      think: { mean: '500ms' },
    },
    {
      name: 'browse the menu',
      path: '/menu',
      headers: { authorization: 'Bearer {{token}}' },
      check: { status: 200 },
      extract: { week: { json: 'week' }, slot: { json: 'slots.*.code', pick: 'random' } },
      think: { mean: '2s' },
    },
    {
      name: 'read recommendations',
      path: '/recommendations?week={{week}}',
      headers: { authorization: 'Bearer {{token}}' },
      check: { status: 200 },
      extract: { box: { json: 'box' } },
      think: { mean: '2s' },
    },
    {
      name: 'order',
      method: 'POST',
      path: '/orders',
      headers: { authorization: 'Bearer {{token}}', 'idempotency-key': 'dinner-{{session}}' },
      json: { week: '{{week}}', recipeIds: '{{box}}', slot: '{{slot}}' },
      check: { status: 201 },
    },
  ],
}

/** A whole day in a minute, with the rush from four to seven in it: the same for both configurations. */
export const dinnerRush: Load = {
  peak: '16 sessions/s',
  scenarios: [dinner],
  arrivals: { shape: 'day' },
  duration: '60s',
  timeScale: 1440,
}
