import { expect, test } from 'vitest'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'
import { createClaimNotes } from '../../../../src/topics/logs/rabbitmq/claim-notes.ts'

const claim = (partition: number, done: number, unfinished = 0, oldestEpochMs?: number) => ({
  partition,
  done,
  unfinished,
  oldestEpochMs,
})

test('adds what waits in the broker to what its owner has, whose first event is the oldest', () => {
  const clock = virtualClock()
  const notes = createClaimNotes(clock)
  notes.hear({ id: 'a', claims: [claim(0, 10, 3, clock.epochMs() - 700)] })
  expect(notes.readingOf(0, 5)).toEqual({ unread: 8, oldestAgeMs: 700, done: 10n, owner: 'a' })
  expect(notes.readingOf(1, 0)).toEqual({ unread: 0, oldestAgeMs: undefined, done: 0n, owner: undefined })
})

test('goes on counting what is done when a partition changes hands, or is taken again', () => {
  const notes = createClaimNotes(virtualClock())
  notes.hear({ id: 'a', claims: [claim(0, 10)] })
  notes.hear({ id: 'a', claims: [claim(0, 15)] })
  notes.hear({ id: 'a', claims: [] })
  notes.hear({ id: 'b', claims: [claim(0, 2)] })
  notes.hear({ id: 'b', claims: [claim(0, 7)] })
  notes.hear({ id: 'b', claims: [claim(0, 1)] })
  expect(notes.readingOf(0, 0)).toMatchObject({ done: 23n, owner: 'b' })
})

test('where nobody has a partition, the oldest is as old as the reader knows', async () => {
  const clock = virtualClock()
  const notes = createClaimNotes(clock)
  notes.hear({ id: 'a', claims: [claim(0, 1)] })
  await clock.advance(6_000)
  expect(notes.readingOf(0, 4)).toMatchObject({ unread: 4, oldestAgeMs: 0, owner: undefined })
  await clock.advance(2_000)
  expect(notes.readingOf(0, 4)).toMatchObject({ oldestAgeMs: 2_000 })
  expect(notes.readingOf(0, 0)).toMatchObject({ oldestAgeMs: undefined })
  expect(notes.readingOf(0, 1)).toMatchObject({ oldestAgeMs: 0 })
})
