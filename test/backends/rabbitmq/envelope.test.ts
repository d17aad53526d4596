import type { Message } from 'amqplib'
import { expect, test } from 'vitest'
import { envelopeOf, headersOf, headersWith, messageIdOf } from '../../../src/backends/rabbitmq/envelope.ts'

const messageWith = (properties: object): Message =>
  ({ content: Buffer.from(''), fields: {}, properties }) as unknown as Message

test('headers come back as they were given, also those that mean something to the broker', () => {
  const headers = { traceparent: 'x', CC: 'y', 'x-delay': '5', tenfold: 'z' }
  const sent = headersWith(headers, { key: 'k' })
  expect(Object.keys(sent)).toEqual(['traceparent', 'tenfold'])
  const message = messageWith({ headers: { ...sent, 'x-delivery-count': 3 } })
  expect(headersOf(message)).toEqual(headers)
  expect(envelopeOf<{ key: string }>(message).key).toBe('k')
})

test('a message of somebody else has an id that the inbox takes, the same at each delivery', () => {
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
  const id = messageIdOf(messageWith({ messageId: 'order 7' }))
  expect(id).toMatch(uuid)
  expect(messageIdOf(messageWith({ messageId: 'order 7' }))).toBe(id)
  expect(messageIdOf(messageWith({ messageId: 'order 8' }))).not.toBe(id)
  expect(messageIdOf(messageWith({}))).toMatch(uuid)
  expect(messageIdOf(messageWith({ messageId: id }))).toBe(id)
})
