import { expect, test } from 'vitest'
import { nodesOf } from '../../src/clusters/record-keeper.ts'
import { roleSettings } from '../../src/clusters/node-role.ts'

const record = { layout: 1, superuserPassword: 'x', servicePassword: 'x' } as const

test('a primary waits for the nodes that it is told, and follows nobody', () => {
  expect(roleSettings(1, { waitsFor: [] })).toBe(
    `synchronous_standby_names = ''\nsynchronized_standby_slots = ''\nprimary_slot_name = ''\nprimary_conninfo = ''\n`,
  )
  const settings = roleSettings(1, { waitsFor: [2] })
  expect(settings).toContain(`synchronous_standby_names = 'ANY 1 (tenfold_2)'`)
  expect(settings).toContain(`synchronized_standby_slots = 'tenfold_2'`)
  // Whoever reads a logical slot would wait for all of them.
  expect(roleSettings(1, { waitsFor: [2, 3] })).toContain(`synchronized_standby_slots = ''`)
})

test('a follower has a slot of its own on its primary', () => {
  const settings = roleSettings(2, { waitsFor: [], follows: { port: 5432, password: 'secret', database: 'orders' } })
  expect(settings).toContain(`primary_slot_name = 'tenfold_2'`)
  expect(settings).toContain(`primary_conninfo = 'host=''127.0.0.1'' port=''5432'' user=''tenfold.replication''`)
  expect(settings).toContain(`application_name=''tenfold_2''`)
})

test.each([
  [{}, 0, [1]],
  [{}, 2, [1, 2, 3]],
  [{ primary: 2 }, 1, [2, 1]],
  [{ primary: 3, synchronous: 2 }, 1, [3, 2]],
  [{ primary: 2, synchronous: 3 }, 2, [2, 3, 1]],
  [{ primary: 1, synchronous: 9 }, 1, [1, 9]],
])('a cluster with record %j and %d followers has nodes %j', (more, followers, nodes) => {
  expect(nodesOf({ ...record, ...more }, followers)).toEqual(nodes)
})
