import { expect, test } from 'vitest'
import { createTagCounters, isOutdated } from '../../src/cache/tag-counters.ts'

test('what is marked knows whether its tag was invalidated since', () => {
  const tags = createTagCounters()
  const held = [tags.hold('a'), tags.hold('b')]
  expect(isOutdated(held, 0)).toBe(false)
  tags.invalidate('b', 5, false)
  expect(isOutdated(held, 4)).toBe(true)
  expect(isOutdated(held, 5)).toBe(false)
})

test('forgets a tag that nothing is marked with', () => {
  const tags = createTagCounters()
  const held = [tags.hold('a'), tags.hold('a')]
  tags.release([held[0]!])
  expect(tags.size).toBe(1)
  tags.release([held[1]!])
  expect(tags.size).toBe(0)
  tags.invalidate('b', 1, false)
  expect(tags.size).toBe(0)
})

test('remembers what was invalidated while a load is under way, and no longer', () => {
  const tags = createTagCounters()
  tags.invalidate('a', 3, true)
  tags.invalidate('b', 4, true)
  tags.forgetBefore(3)
  expect(tags.hold('b').invalidatedAt).toBe(4)
  expect(tags.hold('a').invalidatedAt).toBe(0)
  tags.forgetBefore(Infinity)
  expect(tags.hold('b').invalidatedAt).toBe(4)
})

test('of more tags than it remembers it says since when it knows', () => {
  const tags = createTagCounters(2)
  const held = tags.hold('a')
  for (const [index, tag] of ['a', 'b', 'c', 'd'].entries()) tags.invalidate(tag, index + 1, true)
  expect(tags.knownSince).toBe(2)
  expect(held.invalidatedAt).toBe(1)
  expect(tags.size).toBe(3)
})
