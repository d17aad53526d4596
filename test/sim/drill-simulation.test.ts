import { describe, expect, test } from 'vitest'
import type { DatabaseNodeStatus, SystemSnapshot } from '../../src/control/snapshot.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { Drill, DrillControl, DrillScene } from '../../src/drills/drill.ts'
import { sceneOf } from '../../src/drills/drill.ts'
import { DRILLS } from '../../src/drills/drills.ts'
import { createAgenda } from './agenda.ts'
import type { SimulatedRecord } from './simulated-operator.ts'
import { startOperator } from './simulated-operator.ts'
import type { SimulatedServer, SimulatedServers } from './simulated-servers.ts'
import { createSimulatedServers } from './simulated-servers.ts'

const SEEDS = 50
const CALM_MS = 5_000
const WHOLE_WITHIN_MS = 30_000

/** What the control socket would show of simulated servers. */
function snapshotOf({ all, isStreaming }: SimulatedServers, record: SimulatedRecord): SystemSnapshot {
  const nodes = all.map((server): DatabaseNodeStatus => {
    const isPrimary = server.id === record.primary
    const isReady = server.process === 'running' && (isPrimary ? server.isPrimary : isStreaming(server))
    return {
      id: `orders-${server.id}`,
      role: isPrimary ? 'primary' : server.id === record.synchronous ? 'standby' : 'replica',
      state: isReady ? 'ready' : 'starting',
      zone: server.id === 1 ? 'a' : 'b',
      // Another life is another process.
      ...(server.process === 'running' ? { pid: 1_000 * server.id + server.life } : {}),
    }
  })
  const orders = { name: 'orders', state: 'ready', nodes, term: record.term }
  return { phase: 'running', databases: { orders }, services: {} } as unknown as SystemSnapshot
}

/** Holds a drill of the product in virtual time: the same definition, the real arbiter. */
async function hold(drill: Drill, seed: number): Promise<{ wholeMs: number; lost: number; acknowledged: number }> {
  const random = seededRandom(seed)
  const agenda = createAgenda()
  const record: SimulatedRecord = { primary: 1, term: 1, synchronous: undefined }
  const servers = createSimulatedServers({
    agenda,
    random: random.fork('servers'),
    count: 3,
    onAcknowledged: () => undefined,
  })
  const ignore = (): void => undefined
  startOperator({ agenda, random, servers, record, isRequired: false, say: ignore, onPromoted: ignore })
  const scene = (): DrillScene => sceneOf(snapshotOf(servers, record), 'orders')
  const struck = (id: string): SimulatedServer => servers.get(Number(id.slice('orders-'.length)))
  const control: DrillControl = {
    snapshot: () => Promise.resolve(scene().system),
    command(name, args) {
      expect(name).toBe('fault')
      const { ids, fault } = args as { ids: readonly string[]; fault: string }
      expect(fault).toBe('kill')
      for (const id of ids) servers.kill(struck(id))
      return Promise.resolve({} as never)
    },
  }

  agenda.runUntil(CALM_MS)
  const before = scene()
  expect(drill.obstacle(before)).toBeUndefined()
  await drill.strike(before, control)
  const strikeMs = agenda.nowMs
  while (drill.missing(before, scene()) !== undefined && agenda.nowMs < strikeMs + WHOLE_WITHIN_MS) {
    agenda.runUntil(agenda.nowMs + 50)
  }
  expect(drill.missing(before, scene()), `seed ${seed}`).toBeUndefined()
  const there = new Set(servers.get(record.primary).log)
  const lost = servers.acknowledged.filter((write) => !there.has(write)).length
  return { wholeMs: agenda.nowMs - strikeMs, lost, acknowledged: servers.acknowledged.length }
}

describe('in virtual time, with the real arbiter,', () => {
  // A switch-over is asked of the control plane, which is not simulated.
  test.each(DRILLS.filter(({ name }) => name !== 'switchover').map((drill) => [drill.name, drill] as const))(
    'the drill %s ends as whole as it began, and loses nothing',
    async (_, drill) => {
      for (let seed = 0; seed < SEEDS; seed++) {
        const { lost, acknowledged } = await hold(drill, seed)
        expect(lost, `seed ${seed}`).toBe(0)
        expect(acknowledged).toBeGreaterThan(100)
      }
    },
  )
})
