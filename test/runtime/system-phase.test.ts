import { expect, test } from 'vitest'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { runningPhase } from '../../src/runtime/system-phase.ts'

type Parts = Partial<Pick<SystemSnapshot, 'gateway' | 'services' | 'databases'>>
type State = SystemSnapshot['services'][string]['instances'][number]['state']

const service = (desired: number, ...states: State[]): SystemSnapshot['services'] => ({
  api: {
    name: 'api',
    desired,
    instances: states.map((state, index) => ({ id: `api-${index + 1}`, state, restarts: 0, sinceEpochMs: 0 })),
  },
})
const phaseOf = (parts: Parts): string =>
  runningPhase({
    version: 1,
    system: 'shop',
    configuration: 'tenfold',
    run: 'r1',
    pid: 1,
    startedEpochMs: 0,
    phase: 'running',
    gateway: { state: 'running' },
    services: {},
    databases: {},
    rehearsal: undefined,
    notices: [],
    ...parts,
  })

const cases: readonly [name: string, parts: Parts, phase: string][] = [
  ['nothing but a gateway', {}, 'running'],
  ['every wanted instance', { services: service(2, 'ready', 'ready') }, 'running'],
  ['one that leaves beside every wanted one', { services: service(1, 'ready', 'draining') }, 'running'],
  ['an instance missing', { services: service(2, 'ready') }, 'degraded'],
  ['an instance that comes back', { services: service(2, 'ready', 'backing-off') }, 'degraded'],
  ['a service scaled to nothing', { services: service(0) }, 'running'],
  ['a gateway that is started again', { gateway: { state: 'starting' } }, 'degraded'],
  [
    'a database that recovers',
    { databases: { orders: { name: 'orders', state: 'recovering', nodes: [] } } },
    'degraded',
  ],
]

test.each(cases)('with %s', (_name, parts, phase) => {
  expect(phaseOf(parts)).toBe(phase)
})
