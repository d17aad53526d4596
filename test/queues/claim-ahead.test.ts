import { expect, test } from 'vitest'
import { createClaimAhead } from '../../src/queues/claim-ahead.ts'

test('claims nothing ahead while nothing is known, nor of work that takes long', () => {
  const ahead = createClaimAhead()
  expect(ahead.count(8, 200)).toBe(0)
  for (let n = 0; n < 50; n++) ahead.observe(30_000)
  expect(ahead.count(8, 200)).toBe(0)
})

test('claims of short work what will begin within 50 ms, up to a limit', () => {
  const ahead = createClaimAhead()
  for (let n = 0; n < 50; n++) ahead.observe(5)
  expect(ahead.count(4, 200)).toBe(40)
  for (let n = 0; n < 200; n++) ahead.observe(0)
  expect(ahead.count(4, 200)).toBe(200)
})

test('forgets soon how it was', () => {
  const ahead = createClaimAhead()
  for (let n = 0; n < 50; n++) ahead.observe(1)
  ahead.observe(60_000)
  expect(ahead.count(8, 200)).toBe(0)
})
