import { expect, test } from 'vitest'
import { parseKafkaUrl } from '../../../src/backends/kafka/kafka-address.ts'

test('reads brokers, encryption and login from a url', () => {
  expect(parseKafkaUrl('kafka://one:9092,two')).toEqual({
    brokers: ['one:9092', 'two:9092'],
    isEncrypted: false,
    login: undefined,
  })
  expect(parseKafkaUrl('kafkas://me:p%40ss@one:9093?mechanism=plain')).toEqual({
    brokers: ['one:9093'],
    isEncrypted: true,
    login: { mechanism: 'PLAIN', username: 'me', password: 'p@ss' },
  })
  expect(parseKafkaUrl('kafka://me:secret@one').login?.mechanism).toBe('SCRAM-SHA-512')
})

test.for([
  '',
  'one:9092',
  'http://one',
  'kafka://',
  'kafka://one:x',
  'kafka://me:secret@one?mechanism=none',
  'kafka://a/b',
])('refuses %j without repeating it, since it may hold a password', (url) => {
  expect(() => parseKafkaUrl(url)).toThrow(expect.objectContaining({ code: 'TF_OPTION_INVALID' }))
  expect(() => parseKafkaUrl(url)).not.toThrow(/secret/)
})
