import { expect, test } from 'vitest'
import type { ResolvedCluster } from '../../src/blueprint/clusters-of.ts'
import type { ClusterState } from '../../src/clusters/cluster-state.ts'
import { databaseStatus } from '../../src/runtime/database-status.ts'

const ORDERS: ResolvedCluster = {
  name: 'orders',
  database: 'orders',
  engine: { kind: 'embedded' },
  migrations: [],
  seeds: [],
  resources: { cpu: undefined, memoryBytes: undefined },
}
const server = { version: '18.4', nodes: [], term: 1, alarm: undefined, failovers: 0 }
const of = (
  state: ClusterState,
  preparation?: Parameters<typeof databaseStatus>[2],
): { state: string; reason?: string | undefined } => {
  const { state: name, reason } = databaseStatus(ORDERS, { ...server, state }, preparation)
  return { state: name, reason }
}

const cases: readonly [ClusterState, Parameters<typeof databaseStatus>[2], ReturnType<typeof of>][] = [
  [{ kind: 'stopped' }, undefined, { state: 'stopped', reason: undefined }],
  [{ kind: 'initialising' }, { state: 'starting' }, { state: 'starting', reason: 'making the data directory' }],
  [{ kind: 'recovering' } as ClusterState, { state: 'starting' }, { state: 'recovering', reason: undefined }],
  [{ kind: 'ready' }, undefined, { state: 'ready', reason: undefined }],
  [{ kind: 'ready' }, { state: 'migrating', reason: '001.sql' }, { state: 'migrating', reason: '001.sql' }],
  [{ kind: 'ready' }, { state: 'seeding', reason: 'orders' }, { state: 'seeding', reason: 'orders' }],
  // A cluster that leaves is not being seeded any more.
  [{ kind: 'stopping' }, { state: 'seeding', reason: 'orders' }, { state: 'stopped', reason: 'stopping' }],
  // What failed first is what a person has to read, not that it was stopped for it.
  [{ kind: 'stopped' }, { state: 'failed', reason: 'no disk' }, { state: 'failed', reason: 'no disk' }],
  [{ kind: 'failed', reason: 'no disk' }, undefined, { state: 'failed', reason: 'no disk' }],
  [
    { kind: 'backing-off', reason: 'it was killed', delayMs: 200 } as ClusterState,
    undefined,
    { state: 'failed', reason: 'it was killed; next attempt in 200 ms' },
  ],
]

test.each(cases)('cluster %j, preparation %j', (state, preparation, expected) => {
  expect(of(state, preparation)).toEqual(expected)
})

test('a cluster that runs has a node with its port and pid; a stopped one has none', () => {
  const process = { identity: { pid: 4711, startTime: '1' } } as never
  const nodes = [{ id: 1, role: 'primary', state: 'ready', port: 5001, process }] as const
  expect(databaseStatus(ORDERS, { ...server, nodes, state: { kind: 'ready' } }, undefined)).toEqual({
    name: 'orders',
    state: 'ready',
    version: '18.4',
    nodes: [{ id: 'orders-1', role: 'primary', state: 'ready', pid: 4711, port: 5001 }],
  })
  expect(databaseStatus(ORDERS, { ...server, nodes, state: { kind: 'stopped' } }, undefined).nodes).toEqual([])
})

test('a cluster with followers has a term, and an alarm while writes are not protected', () => {
  const nodes = [
    { id: 1, role: 'replica', state: 'cloning', reason: '40 % copied: it has no data yet', zone: 'a' },
    { id: 2, role: 'primary', state: 'ready', zone: 'b' },
  ] as const
  const alarm = { reason: 'no standby has all writes: no follower keeps up', sinceEpochMs: 1 }
  const cluster = { ...server, nodes, term: 2, failovers: 1, alarm, state: { kind: 'ready' } } as const
  expect(databaseStatus(ORDERS, cluster, undefined)).toMatchObject({
    nodes: [
      { id: 'orders-1', role: 'replica', reason: '40 % copied: it has no data yet' },
      { id: 'orders-2', zone: 'b' },
    ],
    term: 2,
    failovers: 1,
    alarm,
  })
})

test('a shard says of which database it is one', () => {
  const shard = { ...ORDERS, name: 'orders-2', shard: 2 }
  expect(databaseStatus(shard, { ...server, state: { kind: 'ready' } }, undefined)).toMatchObject({
    name: 'orders-2',
    shard: { database: 'orders', number: 2 },
  })
})
