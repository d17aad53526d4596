import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { GatewayDoor } from '../../src/gateway/gateway-config.ts'
import type { SystemDoors } from '../../src/runtime/system-doors.ts'
import { createSystemDoors } from '../../src/runtime/system-doors.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

type DoorTable = Readonly<Record<string, GatewayDoor>>

/** A gateway that takes every port but those in use, and fails so many times. */
async function setting(file?: string) {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold doors '))
  onTestFinished(() => rm(directory, { recursive: true }))
  const its = {
    file: file ?? join(directory, 'doors.json'),
    primaries: new Map<string, GatewayDoor['primary']>(),
    doors: {} as DoorTable,
    used: new Set<number>(),
    failures: 0,
    problems: [] as string[],
    clock: virtualClock(),
  }
  const gateway = {
    doors: () => its.doors,
    async lead(doors: DoorTable) {
      if (its.failures-- > 0) throw new Error('no answer')
      its.doors = doors
      const shut = Object.entries(doors).filter(([, { port }]) => its.used.has(port))
      return Object.fromEntries(shut.map(([name]) => [name, 'in use']))
    },
  }
  const make = (): SystemDoors =>
    createSystemDoors({
      file: its.file,
      gateway: () => gateway,
      primaries: () => its.primaries,
      clock: its.clock,
      onProblem: (message) => its.problems.push(message),
    })
  return Object.assign(its, { make })
}

test('gives a database the same port at every start, and forgets one that is gone', async () => {
  const on = await setting()
  on.primaries.set('orders', { port: 5, term: 1 })
  const first = on.make()
  expect(first.portOf('orders')).toBeUndefined()
  await first.update()
  const port = first.portOf('orders')!
  expect(on.doors).toEqual({ orders: { port, primary: { port: 5, term: 1 } } })
  on.primaries.set('catalog', undefined)
  await first.update()
  expect(first.portOf('orders')).toBe(port)
  expect(on.doors['catalog']).toEqual({ port: first.portOf('catalog'), primary: undefined })

  on.doors = {}
  on.primaries.delete('catalog')
  const second = on.make()
  await second.update()
  expect(on.doors).toEqual({ orders: { port, primary: { port: 5, term: 1 } } })
  expect(JSON.parse(await readFile(on.file, 'utf8'))).toEqual({ layout: 1, ports: { orders: port } })
})

test('takes another port before anybody knows it, and no other one afterwards', async () => {
  const on = await setting()
  await writeFile(on.file, '{ "layout": 1, "ports": { "orders": 4711, "x": "y" } }')
  on.used.add(4711)
  on.primaries.set('orders', { port: 5, term: 1 })
  const doors = on.make()
  await doors.update()
  const port = doors.portOf('orders')!
  expect(port).not.toBe(4711)
  on.used.add(port)
  await doors.update()
  expect(doors.portOf('orders')).toBe(port)
})

test('prefers the port of a gateway that was adopted, and reads no nonsense', async () => {
  const on = await setting()
  await writeFile(on.file, 'no JSON')
  on.doors = { orders: { port: 4712, primary: { port: 5, term: 1 } } }
  on.primaries.set('orders', { port: 5, term: 1 })
  const doors = on.make()
  await doors.update()
  expect(doors.portOf('orders')).toBe(4712)
})

test('gives up when every port is in use', async () => {
  const on = await setting()
  on.used.has = () => true
  on.primaries.set('orders', undefined)
  await expect(on.make().update()).rejects.toMatchObject({ code: 'TF_PORT_TAKEN', details: { database: 'orders' } })
})

test('tells of another primary until the gateway has heard it, and nothing before the first update', async () => {
  const on = await setting()
  on.primaries.set('orders', { port: 5, term: 1 })
  const doors = on.make()
  await doors.follow()
  expect(on.doors).toEqual({})
  await doors.update()
  on.primaries.set('orders', { port: 6, term: 2 })
  on.failures = 4
  const told = doors.follow()
  await on.clock.advance('3s')
  await told
  expect(on.doors['orders']?.primary).toEqual({ port: 6, term: 2 })
  on.failures = 5
  const untold = doors.follow()
  await on.clock.advance('3s')
  await untold
  expect(on.problems).toEqual(['the gateway does not know where a database is: no answer'])
})
