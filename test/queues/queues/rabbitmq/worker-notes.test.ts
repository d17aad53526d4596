import { expect, test } from 'vitest'
import {
  createWorkerNotes,
  readWorkerNote,
  writeWorkerNote,
} from '../../../../src/queues/queues/rabbitmq/worker-notes.ts'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'

test('adds up what workers have and have done, and forgets those who are silent or gone', async () => {
  const clock = virtualClock()
  const notes = createWorkerNotes(clock)
  notes.hear({ id: 'a', running: 3, done: 10 })
  notes.hear({ id: 'b', running: 1, done: 0 })
  notes.hear({ id: 'a', running: 2, done: 15 })
  expect(notes.sum()).toEqual({ workers: 2, running: 3, done: 15n })
  notes.hear({ id: 'b', running: 0, done: 4, isGone: true })
  expect(notes.sum()).toEqual({ workers: 1, running: 2, done: 19n })
  await clock.advance(6_000)
  expect(notes.sum()).toEqual({ workers: 0, running: 0, done: 19n })
})

test('what is no note says nothing', () => {
  const note = { id: 'a', running: 1, done: 2 }
  expect(readWorkerNote(writeWorkerNote(note))).toEqual(note)
  for (const text of ['', 'null', '7', '{"id":"a"}']) expect(readWorkerNote(Buffer.from(text))).toBeUndefined()
})
