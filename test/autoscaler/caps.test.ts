import { expect, test } from 'vitest'
import type { Room } from '../../src/autoscaler/caps.ts'
import { capsOf } from '../../src/autoscaler/caps.ts'
import type { ResolvedDatabase } from '../../src/blueprint/resolved-blueprint.ts'
import { testService } from '../fleet/test-service.ts'

const ROOM: Room = { cores: 2, memoryBytes: 1_000, connections: { orders: { most: 90, each: 10 } } }
const DATABASE: ResolvedDatabase = {
  name: 'orders',
  engine: { kind: 'embedded' },
  migrations: [],
  seeds: [],
  resources: { cpu: 0.3, memoryBytes: undefined },
}
const limited = (
  cpu: number | undefined,
  memoryBytes?: number,
): { resources: { cpu: number | undefined; memoryBytes: number | undefined } } => ({ resources: { cpu, memoryBytes } })

test('cores are what the machine has, without what is reserved, databases and other services', () => {
  const services = {
    api: testService({ name: 'api', ...limited(0.25) }),
    web: testService({ name: 'web', ...limited(0.1) }),
    free: testService({ name: 'free', ...limited(undefined) }),
  }
  const counts = { api: 2, web: 4, free: 9 }
  // 2 − 0.2 − 0.3 − 4 × 0.1 = 1.1 cores.
  expect(capsOf('api', { services, databases: { orders: DATABASE } }, counts, ROOM)).toEqual([{ most: 4, by: 'cores' }])
  expect(capsOf('free', { services, databases: {} }, counts, ROOM)).toEqual([])
  expect(capsOf('gone', { services, databases: {} }, counts, ROOM)).toEqual([])
})

test('what fits exactly, fits', () => {
  const services = { api: testService({ name: 'api', ...limited(0.1) }) }
  expect(capsOf('api', { services, databases: {} }, {}, { ...ROOM, cores: 0.5 })).toEqual([{ most: 3, by: 'cores' }])
})

test('memory is nine tenths of the machine', () => {
  const services = {
    api: testService({ name: 'api', ...limited(undefined, 200) }),
    web: testService({ name: 'web', ...limited(undefined, 100) }),
  }
  expect(capsOf('api', { services, databases: {} }, { web: 1 }, ROOM)).toEqual([{ most: 4, by: 'memory' }])
})

test('connections of a database are shared by the services that list it', () => {
  const services = {
    api: testService({ name: 'api', connectsTo: ['orders'] }),
    web: testService({ name: 'web', connectsTo: ['orders'] }),
    other: testService({ name: 'other' }),
  }
  const counts = { api: 1, web: 4, other: 50 }
  expect(capsOf('api', { services, databases: { orders: DATABASE } }, counts, ROOM)).toEqual([
    { most: 5, by: 'connections to orders' },
  ])
})

test('more than there is leaves no room, and never less than none', () => {
  const services = {
    api: testService({ name: 'api', ...limited(1) }),
    web: testService({ name: 'web', ...limited(1) }),
  }
  expect(capsOf('api', { services, databases: {} }, { web: 9 }, ROOM)).toEqual([{ most: 0, by: 'cores' }])
})
