import type { Figures } from '../benchmark.ts'
import { interleave, median, spread } from '../benchmark.ts'
import { startProgram } from '../program.ts'
import { atCpu } from './adds-up.ts'
import { readAll, throttledShare } from './closed-loop.ts'
import type { ClientOrder, ClientReport } from './postgres-client.ts'
import type { Quota } from './quota.ts'
import type { Rig } from './rig.ts'
import { holdAll } from './rig.ts'

/** What a client saw, and what the nodes used for it. */
export interface NodeTrial extends ClientReport {
  readonly cpuMsPerStatement: number
  readonly cpuSecondsPerSecond: number
  readonly throttledShare: number
}

type Statement = ClientOrder['statement']

const LANES_CLOSED = 4
const LANES_OPEN = 16

/** Whether `count` nodes, each held to `cpu`, carry that many times what one carries. */
export async function measureNodesAddUp(
  rig: Rig,
  options: { cpu: number; counts: readonly number[]; statement: Statement; rounds: number; seconds: number },
): Promise<{ figures: Figures; perSecondOf1: number }> {
  const { cpu, counts, statement, rounds, seconds } = options
  rig.context.log(`database nodes: ${statement}s, ${cpu} CPU each`)
  const variant = (count: number) => (): Promise<NodeTrial> =>
    trialOf(rig, `postgres ${statement} ${count} × ${cpu} CPU`, { quota: { cpu }, count, statement, seconds })
  const trials = await interleave<string, NodeTrial>(
    rounds,
    Object.fromEntries(counts.map((count) => [String(count), variant(count)])),
  )
  const of = (count: number, figure: keyof NodeTrial): number[] => (trials[count] ?? []).map((each) => each[figure])
  const single = median(of(1, 'perSecond'))
  const suffix = suffixOf(statement, cpu)
  const figures: Record<string, number> = {
    [`perSecondOf1${suffix}`]: single,
    [`cpuMsOf1${suffix}`]: median(of(1, 'cpuMsPerStatement')),
    [`quotaUsedOf1${suffix}`]: median(of(1, 'cpuSecondsPerSecond')) / cpu,
  }
  for (const count of counts.filter((each) => each > 1)) {
    figures[`addsUp${count}${suffix}`] = median(of(count, 'perSecond')) / (count * single)
    figures[`addsUp${count}Spread${suffix}`] = spread(of(count, 'perSecond'))
    figures[`cpuMsOf${count}${suffix}`] = median(of(count, 'cpuMsPerStatement'))
  }
  return { figures, perSecondOf1: single }
}

/** Latency of one node at a share of its capacity, and of a node without a quota at the same rate. */
export async function measureNodeLatency(
  rig: Rig,
  options: {
    /** Quotas, and how much was measured to go through them. */
    quotas: readonly { cpu: number; perSecond: number }[]
    statement: Statement
    utilisations: readonly number[]
    rounds: number
    seconds: number
  },
): Promise<Figures> {
  const { quotas, statement, utilisations, rounds, seconds } = options
  let seed = 0
  const variants = quotas.flatMap(({ cpu, perSecond }) =>
    utilisations.flatMap((utilisation) =>
      [{ cpu }, undefined].map((quota) => {
        const rate = perSecond * utilisation
        const suffix = `${suffixOf(statement, cpu)}Busy${Math.round(utilisation * 100)}${quota === undefined ? 'NoLimit' : ''}`
        const label = `postgres ${statement}, ${cpu} CPU, ${utilisation * 100} % busy${quota === undefined ? ', but without limit' : ''}`
        const run = (): Promise<NodeTrial> =>
          trialOf(rig, label, { quota, count: 1, statement, seconds, rate, seed: ++seed })
        return [suffix, run] as const
      }),
    ),
  )
  const trials = await interleave<string, NodeTrial>(rounds, Object.fromEntries(variants))
  const figures: Record<string, number> = {}
  for (const [suffix, all] of Object.entries(trials)) {
    for (const figure of ['p50Ms', 'p95Ms', 'p99Ms', 'throttledShare'] as const) {
      const value = median(all.map((trial) => trial[figure]))
      figures[`${figure}${suffix}`] = value
    }
  }
  return figures
}

function suffixOf(statement: Statement, cpu: number): string {
  return `Postgres${statement === 'read' ? 'Read' : 'Write'}${atCpu(cpu)}`
}

function trialOf(
  rig: Rig,
  label: string,
  options: {
    quota: Quota | undefined
    count: number
    statement: Statement
    seconds: number
    rate?: number
    seed?: number
  },
): Promise<NodeTrial> {
  const { quota, count, statement, seconds, rate, seed = 1 } = options
  const nodes = rig.stage.nodes().slice(0, count)
  const order: ClientOrder = {
    urls: nodes.map(({ url }) => url),
    statement,
    lanes: rate === undefined ? LANES_CLOSED : LANES_OPEN,
    seconds,
    ...(rate === undefined ? {} : { ratePerSecondEach: rate }),
    seed,
  }
  return rig.trial(label, async () => {
    // Connections and their first statements are not what is measured.
    holdAll(nodes, undefined)
    const client = startProgram('scale-model/postgres-client.ts', [JSON.stringify(order)], rig.context.signal)
    try {
      await client.next()
      holdAll(nodes, quota)
      const before = readAll(nodes)
      const report = (await client.next()) as ClientReport
      const after = readAll(nodes)
      const cpuSeconds = after.cpuSeconds - before.cpuSeconds
      return {
        ...report,
        cpuMsPerStatement: (cpuSeconds / report.statements) * 1_000,
        cpuSecondsPerSecond: cpuSeconds / seconds,
        throttledShare: throttledShare(before, after),
      }
    } finally {
      await client.stop()
    }
  })
}
