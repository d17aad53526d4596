import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { uniqueId } from '../../../../src/core/random.ts'
import type { MessageBatch } from '../../../../src/topics/logs/kafka/event-message.ts'
import { eventsOfBatch, messageOfEvent, offsetBehind } from '../../../../src/topics/logs/kafka/event-message.ts'
import type { NewEvent } from '../../../../src/topics/topic-log.ts'

const place = { topic: 'orders', partition: 3, nowEpochMs: 1_700_000_000_000 }
const reading = { topicId: 'c3727dfa', partition: 3, from: 0n }

/** A batch as a broker would hold these events, the first at an offset. */
function batchOf(events: readonly NewEvent[], firstOffset: bigint, attributes = 0): MessageBatch {
  const messages = events.map((event) => messageOfEvent(event, place))
  const firstTimestamp = messages[0]!.timestamp
  const records = messages.map(({ key = null, value, headers, timestamp }, offsetDelta) => ({
    offsetDelta,
    timestampDelta: timestamp - firstTimestamp,
    key,
    value,
    headers: [...headers],
  }))
  return { attributes, firstOffset, lastOffsetDelta: events.length - 1, firstTimestamp, maxTimestamp: 5n, records }
}

test('an event comes back from Kafka as it was published', () => {
  const newEvent = fc.record(
    {
      messageId: fc.uuid(),
      key: fc.string(),
      payload: fc.string({ unit: 'grapheme' }),
      headers: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string()),
      publishedEpochMs: fc.integer({ min: 0, max: 2 ** 42 }),
    },
    { requiredKeys: ['messageId', 'payload'] },
  )
  fc.assert(
    fc.property(fc.array(newEvent, { minLength: 1 }), (events) => {
      const back = eventsOfBatch(batchOf(events, 7n), reading)
      expect(back).toEqual(
        events.map(({ messageId, key, payload, headers = {}, publishedEpochMs = place.nowEpochMs }, index) => ({
          messageId,
          key,
          payload,
          headers: { ...headers },
          publishedEpochMs,
          partition: 3,
          id: String(7 + index),
        })),
      )
    }),
  )
})

test('a batch is read from an offset inside it, and passed by where it holds no events', () => {
  const event = { messageId: uniqueId(), payload: '1' }
  const batch = batchOf([event, event, event], 10n)
  expect(eventsOfBatch(batch, { ...reading, from: 12n }).map(({ id }) => id)).toEqual(['12'])
  const control = { ...batch, attributes: 1 << 5 }
  expect(eventsOfBatch(control, reading)).toEqual([])
  expect(offsetBehind(control)).toBe(13n)
})

test('where the broker says the time, that counts', () => {
  const batch = batchOf([{ messageId: uniqueId(), payload: '1' }], 0n, 1 << 3)
  expect(eventsOfBatch(batch, reading)[0]?.publishedEpochMs).toBe(5)
})

test('a message without an id of ours has one by its place, and its value may be missing', () => {
  const record = { offsetDelta: 0, timestampDelta: 0n, key: null, value: null, headers: [] }
  const [at0, again, at1] = [0n, 0n, 1n].map((firstOffset) => {
    const batch = { ...batchOf([{ messageId: '', payload: '' }], firstOffset), records: [record] }
    return eventsOfBatch(batch, reading)[0]
  })
  expect(at0).toEqual(again)
  expect(at0).toMatchObject({ key: undefined, payload: '', headers: {} })
  expect(at1?.messageId).not.toBe(at0?.messageId)
})
