import { expect, test } from 'vitest'
import { createWakeNotes, readWakeNote, writeWakeNote } from '../../../../src/queues/queues/rabbitmq/wake-notes.ts'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'

test('says the first at once, and what comes within 10 ms together', async () => {
  const clock = virtualClock()
  const sent: string[] = []
  const notes = createWakeNotes({
    clock,
    send: async (queue, afterMs) => void sent.push(`${queue} ${afterMs.join(' ')}`),
  })
  notes.say('a', 0)
  notes.say('a', 0)
  notes.say('a', 120)
  notes.say('a', 140)
  notes.say('b', 3_600_000)
  expect(sent).toEqual(['a 0'])
  await clock.advance(10)
  expect(sent).toEqual(['a 0', 'a 0 150'])
  await clock.advance(100)
  expect(sent).toHaveLength(2)
  notes.end()
})

test('a note that somebody else has sent says nothing', () => {
  expect(readWakeNote(writeWakeNote([0, 50]))).toEqual([0, 50])
  for (const text of ['', '{', 'null', '{"a":1}']) expect(readWakeNote(Buffer.from(text))).toEqual([])
})
