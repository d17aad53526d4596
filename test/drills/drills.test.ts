import { describe, expect, test } from 'vitest'
import type { DatabaseNodeStatus, SystemSnapshot } from '../../src/control/snapshot.ts'
import type { DrillScene } from '../../src/drills/drill.ts'
import { sceneOf } from '../../src/drills/drill.ts'
import { DRILLS } from '../../src/drills/drills.ts'

type Node = Pick<DatabaseNodeStatus, 'role'> & Partial<DatabaseNodeStatus>

/** A system with a database of these nodes, and instances in these zones. */
function scene(nodes: readonly Node[], zonesOfInstances: readonly string[] = []): DrillScene {
  const instances = zonesOfInstances.map((zone, at) => ({ id: `api-${at + 1}`, zone, state: 'ready', pid: 50 + at }))
  const database = {
    name: 'orders',
    state: 'ready',
    nodes: nodes.map((node, at) => ({ id: `orders-${at + 1}`, state: 'ready', pid: 10 + at, ...node })),
  }
  const system = { databases: { orders: database }, services: { api: { name: 'api', instances } } }
  return sceneOf(system as unknown as SystemSnapshot, 'orders')
}

function drillNamed(name: string): (typeof DRILLS)[number] {
  return DRILLS.find((each) => each.name === name)!
}

const PAIR: readonly Node[] = [
  { role: 'primary', zone: 'a' },
  { role: 'standby', zone: 'b' },
]

/** What was asked of the control socket. */
async function commandsOf(name: string, on: DrillScene): Promise<readonly (readonly unknown[])[]> {
  const asked: unknown[][] = []
  const command = (...args: unknown[]): Promise<never> => {
    asked.push(args)
    return Promise.resolve({} as never)
  }
  await drillNamed(name).strike(on, { command, snapshot: () => Promise.resolve(on.system) })
  return asked
}

describe('the drill of', () => {
  test('a failover kills the primary, and is over when another node leads and has a standby', async () => {
    const { missing } = drillNamed('failover')
    const before = scene(PAIR)
    expect(await commandsOf('failover', before)).toEqual([['fault', { ids: ['orders-1'], fault: 'kill' }]])
    expect(missing(before, before)).toContain('still the primary')
    expect(missing(before, scene([{ role: 'replica', state: 'starting' }, { role: 'primary' }]))).toContain('standby')
    expect(missing(before, scene([{ role: 'primary', state: 'starting' }]))).toContain('takes writes')
    expect(missing(before, scene([{ role: 'standby' }, { role: 'primary' }]))).toBeUndefined()
  })

  test.each(['failover', 'switchover', 'standby-loss'])('a %s is refused without a standby that is ready', (name) => {
    const { obstacle } = drillNamed(name)
    expect(obstacle(scene([{ role: 'primary' }]))).toContain('no standby')
    expect(obstacle(scene([{ role: 'primary' }, { role: 'standby', state: 'waiting' }]))).toContain('no standby')
    expect(obstacle(scene(PAIR))).toBeUndefined()
  })

  test('a switch-over asks for one', async () => {
    expect(await commandsOf('switchover', scene(PAIR))).toEqual([['switchover', { database: 'orders' }]])
  })

  test('a lost standby is not over before that very standby runs again', async () => {
    const { missing } = drillNamed('standby-loss')
    const before = scene(PAIR)
    expect(await commandsOf('standby-loss', before)).toEqual([['fault', { ids: ['orders-2'], fault: 'kill' }]])
    expect(missing(before, before)).toContain('orders-2 has not come back')
    expect(missing(before, scene([PAIR[0]!, { ...PAIR[1]!, pid: 99 }]))).toBeUndefined()
    expect(missing(before, scene([PAIR[1]!, { ...PAIR[0]!, pid: 99 }]))).toContain('should not have changed')
  })

  test('a lost zone kills the nodes and instances in it, and nothing else', async () => {
    const { obstacle, missing } = drillNamed('zone-loss')
    const before = scene(PAIR, ['a', 'b'])
    expect(obstacle(before)).toBeUndefined()
    expect(await commandsOf('zone-loss', before)).toEqual([['fault', { ids: ['orders-1', 'api-1'], fault: 'kill' }]])
    const nodes: readonly Node[] = [
      { role: 'standby', zone: 'a', pid: 99 },
      { role: 'primary', zone: 'b' },
    ]
    expect(missing(before, scene(nodes, ['b']))).toContain('api has 1 of 2')
    expect(missing(before, scene(nodes, ['a', 'b']))).toBeUndefined()
  })

  test('a lost zone is refused where it would take everything', () => {
    const { obstacle } = drillNamed('zone-loss')
    expect(obstacle(scene(PAIR, ['a', 'a']))).toContain('no other zone')
    expect(obstacle(scene([PAIR[0]!, { role: 'standby', zone: 'a' }]))).toContain('zone of the primary')
    expect(obstacle(scene([{ role: 'primary' }, { role: 'standby' }]))).toContain('no zone')
  })
})
