import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import { createDoors } from '../../../src/gateway/doors/doors.ts'
import { fakeClient, fakePrimary } from './fake-primary.ts'

test('opens, moves and closes doors as the configuration says, and leaves the others as they are', async () => {
  await using orders = await fakePrimary('orders')
  await using catalog = await fakePrimary('catalog')
  const doors = createDoors({ clock: systemClock, connectionsMax: 4, log: () => undefined })
  onTestFinished(() => doors.close())
  const [one, two, three] = [await findFreePort(), await findFreePort(), await findFreePort()]
  const toOrders = { port: one, primary: { port: orders.port, term: 1 } }
  const toCatalog = { port: two, primary: { port: catalog.port, term: 4 } }
  expect(await doors.configure({ orders: toOrders, catalog: toCatalog })).toEqual({})
  const [stays, goes] = [fakeClient(one), fakeClient(two)]
  await Promise.all([stays.hears('orders'), goes.hears('catalog')])
  expect(doors.state()).toEqual({
    orders: { port: one, connections: 1, waiting: 0 },
    catalog: { port: two, connections: 1, waiting: 0 },
  })
  expect(await doors.configure({ orders: toOrders, catalog: { ...toCatalog, port: three } })).toEqual({})
  await goes.closed
  await fakeClient(three).hears('catalog')
  expect(await doors.configure({ orders: toOrders })).toEqual({})
  await expect(fakeClient(three).hears('catalog')).rejects.toThrow('got ""')
  stays.socket.write('still here')
  await stays.hears('still here')
})

test('says which doors are shut', async () => {
  await using holder = await fakePrimary('another program')
  const doors = createDoors({ clock: systemClock, connectionsMax: 4, log: () => undefined })
  onTestFinished(() => doors.close())
  const shut = await doors.configure({ orders: { port: holder.port }, catalog: { port: await findFreePort() } })
  expect(shut).toEqual({ orders: expect.stringContaining('EADDRINUSE') })
  expect(doors.state()).toMatchObject({ orders: { problem: shut['orders'] } })
})
