import type { Figures } from '../benchmark.ts'
import { interleave, median } from '../benchmark.ts'
import { identifyProcess } from '../../src/core/process-identity.ts'
import { processUsage } from '../../src/core/process-usage.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { Latency } from './open-loop.ts'
import { openLoop } from './open-loop.ts'
import type { Rig } from './rig.ts'
import { burnAll, holdAll } from './rig.ts'

/** A generator beside busy machines. */
export interface Beside extends Latency {
  /** Cores used by gateway, generator with control plane, and the instance that answers. */
  readonly pathCores: number
  readonly gatewayCores: number
}

const BURN_EXTRA_MS = 1_500

/**
 * How a generator fares at a fixed rate while `count` instances use up quotas that add up to `sum`. The requests go to
 * another instance, without a limit and with nothing to do, so that their latency is that of generator and gateway.
 */
export async function measureCleanGenerator(
  rig: Rig,
  options: { service: string; sums: readonly number[]; ratePerSecond: number; rounds: number; seconds: number },
): Promise<Map<number, Beside>> {
  const { service, sums, ratePerSecond, rounds, seconds } = options
  const { stage, context } = rig
  context.log(`clean generator: ${ratePerSecond} requests a second beside instances that use up their quotas`)
  const burning = stage.instances(service)
  let seed = 0
  const beside = (sum: number) => (): Promise<Beside> =>
    rig.trial(`generator at ${ratePerSecond}/s beside ${sum} CPU`, async () => {
      // Once told, they burn until the last answer is in: the generator opens its connections in between.
      holdAll(burning, { cpu: Math.max(sum, 0.1) / burning.length })
      if (sum > 0) await burnAll(burning, seconds * 1_000 + BURN_EXTRA_MS)
      const usage = watchPath(rig)
      const latency = await openLoop(stage.url, ['/free'], stage.instances('free'), {
        ratePerSecondEach: ratePerSecond,
        seconds,
        seed: ++seed,
        signal: context.signal,
      })
      const used = usage()
      await burnAll(burning, 0)
      return { ...latency, ...used }
    })
  const trials = await interleave<string, Beside>(
    rounds,
    Object.fromEntries(sums.map((sum) => [`sum ${sum}`, beside(sum)])),
  )
  return new Map(sums.map((sum) => [sum, medians(trials[`sum ${sum}`] ?? [])]))
}

/** Figures of one sum, for example `generatorLagMsP99At1_8`. */
export function generatorFigures(
  sum: number,
  { generatorLagMsP99, generatorElu, p99Ms, gatewayCores }: Beside,
): Figures {
  const suffix = `At${sum.toFixed(1).replace('.', '_')}`
  return {
    [`generatorLagMsP99${suffix}`]: generatorLagMsP99,
    [`generatorElu${suffix}`]: generatorElu,
    [`pathP99Ms${suffix}`]: p99Ms,
    [`gatewayCores${suffix}`]: gatewayCores,
  }
}

function watchPath({ stage }: Rig): () => { pathCores: number; gatewayCores: number } {
  const pids = [stage.gatewayPid, process.pid, ...stage.instances('free').map(({ pid }) => pid)]
  const seconds = (): number[] => pids.map(cpuSecondsOf)
  const startMs = systemClock.nowMs()
  const before = seconds()
  return () => {
    const elapsed = (systemClock.nowMs() - startMs) / 1_000
    const used = seconds().map((value, index) => (value - (before[index] ?? 0)) / elapsed)
    return { gatewayCores: used[0] ?? 0, pathCores: used.reduce((sum, value) => sum + value, 0) }
  }
}

function cpuSecondsOf(pid: number): number {
  const identity = identifyProcess(pid)
  return identity === undefined ? 0 : (processUsage(identity)?.cpuSeconds ?? 0)
}

function medians(trials: readonly Beside[]): Beside {
  const keys = Object.keys(trials[0] ?? {}) as (keyof Beside)[]
  return Object.fromEntries(keys.map((key) => [key, median(trials.map((trial) => trial[key]))])) as unknown as Beside
}
