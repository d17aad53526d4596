import { expect, test } from 'vitest'
import type { InstanceStatus, SystemSnapshot } from '../../src/control/snapshot.ts'
import { snapshotForTests } from '../control/snapshot-for-tests.ts'
import { partStates, progressLines, startingLine } from '../../src/cli/start-progress.ts'

const instance = (id: string, state: InstanceStatus['state']): InstanceStatus => ({
  id,
  state,
  restarts: 0,
  sinceEpochMs: 0,
})

function snapshot(changes: Partial<SystemSnapshot> = {}): SystemSnapshot {
  return snapshotForTests({
    services: { api: { name: 'api', desired: 2, instances: [] } },
    databases: { orders: { name: 'orders', state: 'seeding', reason: 'keys', nodes: [] } },
    ...changes,
  })
}

test('one line names what is not there yet, and what it is doing', () => {
  expect(startingLine(snapshot())).toBe('starting  gateway starting  orders seeding (keys)  api waiting')
  expect(
    startingLine(
      snapshot({
        gateway: { state: 'running' },
        databases: { orders: { name: 'orders', state: 'ready', nodes: [] } },
        services: {
          api: { name: 'api', desired: 2, instances: [instance('api-1', 'ready'), instance('api-2', 'starting')] },
        },
      }),
    ),
  ).toBe('starting  api 1 of 2 ready')
})

test('tells a database from a service of the same name', () => {
  const both = snapshot({
    gateway: { state: 'running' },
    services: { orders: { name: 'orders', desired: 1, instances: [] } },
  })
  expect(startingLine(both)).toBe('starting  orders (database) seeding (keys)  orders waiting')
})

test('says only the phase once everything is there', () => {
  const there = snapshot({
    phase: 'running',
    gateway: { state: 'running' },
    databases: {},
    services: { api: { name: 'api', desired: 1, instances: [instance('api-1', 'ready')] } },
  })
  expect(startingLine(there)).toBe('running')
})

test('a log gets a line for each change, and none for who only waits', () => {
  const before = partStates(snapshot())
  expect(progressLines(undefined, before)).toEqual(['gateway: starting', 'orders: seeding (keys)'])
  const after = partStates(snapshot({ gateway: { state: 'running' } }))
  expect(progressLines(before, after)).toEqual(['gateway: running'])
  expect(progressLines(after, after)).toEqual([])
})
