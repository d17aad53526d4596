import { expect, test } from 'vitest'
import { createPublishPlace } from '../../src/service/publish-place.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

function place(state: { hasMoved: boolean; isWaiting: boolean }) {
  const clock = virtualClock()
  let looks = 0
  const created = createPublishPlace({
    hasMoved: async () => {
      looks++
      return state.hasMoved
    },
    isWaiting: async () => state.isWaiting,
    clock,
  })
  return { created, clock, looks: () => looks }
}

test('a topic that is in its engine is published there at once, and nobody looks again', async () => {
  const { created, clock, looks } = place({ hasMoved: true, isWaiting: true })
  expect(await created.isEngine()).toBe(true)
  await clock.advance(5_000)
  expect(await created.isEngine()).toBe(true)
  expect(looks()).toBe(1)
})

test('one that moves goes into the outbox until that is carried over, with a look a second at most', async () => {
  const state = { hasMoved: false, isWaiting: true }
  const { created, clock, looks } = place(state)
  expect(await Promise.all([created.isEngine(), created.isEngine()])).toEqual([false, false])
  expect(looks()).toBe(1)
  state.hasMoved = true
  expect(await created.isEngine()).toBe(false)
  await clock.advance(1_000)
  expect(await created.isEngine()).toBe(false)
  expect(looks()).toBe(2)
  state.isWaiting = false
  await clock.advance(1_000)
  expect(await created.isEngine()).toBe(true)
})
