import { expect, test } from 'vitest'
import { bindDatabase } from '../../src/service/bound-database.ts'
import { createBoundDatabases } from '../../src/service/bound-databases.ts'

const options = { applicationName: 'test', refresh: async () => {} }
const events = bindDatabase('events', { shards: [{ url: 'postgres://h/events' }], connectionsMax: 4 }, options)
const shards = [{ url: 'postgres://h/orders-0' }, { url: 'postgres://h/orders-1' }]
const orders = bindDatabase('orders', { key: 'user_id', shards, connectionsMax: 4 }, options)
const databases = createBoundDatabases(
  new Map([
    ['events', { ...events, isListed: true }],
    ['orders', { ...orders, isListed: true }],
  ]),
)

test('an outbox is in each database, and in each shard of one', () => {
  expect(databases.listed.flatMap((name) => databases.places(name)).map(({ name }) => name)).toEqual([
    'events',
    'orders-0',
    'orders-1',
  ])
})

test('a shard that is new has an outbox as soon as its address is known', () => {
  orders.rebind({ key: 'user_id', shards: [...shards, { url: 'postgres://h/orders-2' }], connectionsMax: 4 })
  expect(databases.places('orders').map(({ name }) => name)).toEqual(['orders-0', 'orders-1', 'orders-2'])
})

test('a place knows the transactions of its own database', () => {
  const [place] = databases.places('events')
  expect(place?.isOf(events.connection!)).toBe(true)
  expect(databases.places('orders').some((each) => each.isOf(events.connection!))).toBe(false)
})

test('effects are in one database, and what is on shards says what to do instead', () => {
  expect(databases.effects(events.handle as never)).toBe(events.connection)
  expect(() => databases.effects(orders.handle as never)).toThrow(
    expect.objectContaining({ code: 'TF_OPTION_INVALID', hint: expect.stringContaining('orders.shard(key)') }),
  )
  expect(() => databases.connection('orders')).toThrow(expect.objectContaining({ code: 'TF_BINDINGS_INVALID' }))
})
