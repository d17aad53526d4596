import type { Figures } from '../benchmark.ts'
import { interleave, median, spread } from '../benchmark.ts'
import type { Saturation } from './closed-loop.ts'
import { closedLoop } from './closed-loop.ts'
import type { Rig, WorkKind } from './rig.ts'
import { holdAll } from './rig.ts'

/** Services by their number of instances. */
export const SETS: Readonly<Record<number, string>> = { 1: 'solo1', 2: 'two', 4: 'four', 8: 'eight' }

/** Requests under way for each instance: enough that none is ever idle. */
const CONCURRENCY = 4

/** Whether N instances, each held to `cpu`, carry N times what one carries, through the gateway. */
export async function measureAddsUp(
  rig: Rig,
  options: {
    cpu: number
    counts: readonly number[]
    kind: WorkKind
    coreMs: number
    rounds: number
    seconds: number
  },
): Promise<Figures> {
  const { cpu, counts, kind, coreMs, rounds, seconds } = options
  const { stage, context } = rig
  context.log(`adds up: instances of ${cpu} CPU, ${coreMs} ms of ${kind} a request`)
  const variant = (count: number) => async (): Promise<Saturation> => {
    const name = SETS[count] ?? ''
    const machines = stage.instances(name)
    holdAll(machines, { cpu })
    return rig.trial(`${kind} ${count} × ${cpu} CPU`, () =>
      closedLoop(`${stage.url}/${name}${rig.work(kind, coreMs)}`, machines, {
        concurrency: CONCURRENCY * count,
        seconds,
        signal: context.signal,
      }),
    )
  }
  const trials = await interleave<string, Saturation>(
    rounds,
    Object.fromEntries(counts.map((count) => [String(count), variant(count)])),
  )
  const of = (count: number, figure: keyof Saturation): number[] => (trials[count] ?? []).map((each) => each[figure])
  const single = median(of(1, 'requestsPerSecond'))
  const suffix = `${kind === 'hash' ? '' : `Of${kind[0]?.toUpperCase()}${kind.slice(1)}`}${cpu === 0.1 ? '' : atCpu(cpu)}`
  const figures: Record<string, number> = {
    [`perSecondOf1${suffix}`]: single,
    [`cpuMsOf1${suffix}`]: median(of(1, 'cpuMsPerRequest')),
  }
  for (const count of counts.filter((each) => each > 1)) {
    const throughput = of(count, 'requestsPerSecond')
    figures[`addsUp${count}${suffix}`] = median(throughput) / (count * single)
    figures[`addsUp${count}Spread${suffix}`] = spread(throughput)
    figures[`cpuMsOf${count}${suffix}`] = median(of(count, 'cpuMsPerRequest'))
    figures[`quotaUsedOf${count}${suffix}`] = median(of(count, 'cpuSecondsPerSecond')) / (count * cpu)
  }
  return figures
}

/** `At20Pct` for 0.2 CPU. */
export function atCpu(cpu: number): string {
  return `At${Math.round(cpu * 100)}Pct`
}
