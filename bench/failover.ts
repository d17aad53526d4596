import type { Cluster } from '../src/clusters/cluster-state.ts'
import { sleep, systemClock } from '../src/core/clock.ts'
import { uniqueId } from '../src/core/random.ts'
import type { WriteProbe } from '../src/drills/write-probe.ts'
import { startWriteProbe } from '../src/drills/write-probe.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts'
import { median } from './benchmark.ts'
import { withScratchCluster } from './servers/scratch-cluster.ts'

/** In quick mode no failover begins after this. */
const QUICK_MS = 30_000
const RUNS = 50
/** Writes go on undisturbed for so long between two failovers. */
const CALM_MS = 500
const PATIENCE_MS = 60_000

/** What the death of a primary costs those who write. */
export const benchmark: Benchmark = {
  name: 'failover',
  description:
    'kill -9 of the primary under writes, again and again: acknowledged rows lost, and how long writes pause',
  run(context) {
    const followers = { count: 1, isSynchronous: true, durability: 'preferred' } as const
    return withScratchCluster({ name: 'orders', followers }, context.signal, (cluster) => killAgain(cluster, context))
  },
}

async function killAgain(cluster: Cluster, context: BenchmarkContext): Promise<BenchmarkOutcome> {
  const { isQuick, log, keep } = context
  const startMs = systemClock.nowMs()
  const probe = await startWriteProbe({
    address: () => cluster.adminUrl(),
    id: token(),
    clock: systemClock,
    pauseMs: 0,
  })
  const gaps: number[] = []
  const whole: number[] = []
  const mayGoOn = (): boolean => (isQuick ? systemClock.nowMs() - startMs < QUICK_MS : gaps.length < RUNS)
  try {
    while (mayGoOn() && !context.signal.aborted) {
      const figures = await killOnce(cluster, probe, context.signal)
      gaps.push(figures.writeGapMs)
      whole.push(figures.standbyAgainMs)
      keep('kill -9', figures)
      log(`failover ${gaps.length}: no write for ${Math.round(figures.writeGapMs)} ms`)
    }
  } catch (error) {
    // Else the writers would go on for ever.
    await probe.end().catch(() => undefined)
    throw error
  }
  const { acknowledged } = probe.ledger
  const { lost, duplicated, unknown } = probe.ledger.compare(await probe.end(), startMs)
  return {
    figures: {
      runs: gaps.length,
      acknowledged,
      lost: lost.length,
      duplicated: duplicated.length,
      unknown: unknown.length,
      writeGapMsP50: median(gaps),
      writeGapMsMax: Math.max(...gaps),
      standbyAgainMsP50: median(whole),
    },
    peers: [
      {
        name: 'Patroni',
        ran: false,
        reason: 'needs etcd or Consul, and its lease alone is 20 s at least: nothing to compare on one machine',
      },
    ],
  }
}

async function killOnce(
  cluster: Cluster,
  probe: WriteProbe,
  signal: AbortSignal,
): Promise<{ writeGapMs: number; standbyAgainMs: number }> {
  await until('a standby', cluster, () => true, signal)
  await sleep(systemClock, CALM_MS, signal)
  const { term } = cluster
  const struckMs = systemClock.nowMs()
  cluster.process!.signal('SIGKILL')
  await until('another term with a standby', cluster, () => cluster.term !== term, signal)
  const standbyAgainMs = systemClock.nowMs() - struckMs
  await sleep(systemClock, CALM_MS, signal)
  return { writeGapMs: probe.ledger.longestGapMs(struckMs), standbyAgainMs }
}

function isProtected({ state, nodes }: Cluster): boolean {
  return state.kind === 'ready' && nodes.some((node) => node.role === 'standby' && node.state === 'ready')
}

/** Until the cluster has a standby, and what is waited for besides. @throws with the state of each node */
async function until(what: string, cluster: Cluster, holds: () => boolean, signal: AbortSignal): Promise<void> {
  const deadlineMs = systemClock.nowMs() + PATIENCE_MS
  while (!holds() || !isProtected(cluster)) {
    if (systemClock.nowMs() > deadlineMs) {
      throw new Error(`expected ${what} within ${PATIENCE_MS / 1_000} s, got ${describe(cluster)}`)
    }
    await sleep(systemClock, 5, signal)
  }
}

function describe({ state, term, nodes, alarm }: Cluster): string {
  const each = nodes.map(({ id, role, state: its, reason }) => `node ${id} a ${role} that is ${its} (${reason ?? '-'})`)
  return [`term ${term}, ${JSON.stringify(state)}`, ...each, `alarm: ${alarm?.reason ?? 'none'}`].join('; ')
}

function token(): string {
  return uniqueId().replaceAll('-', '_')
}
