import { readHost } from '../../src/control/host-metrics.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import type { Figures } from '../benchmark.ts'
import type { Stage } from './stage.ts'

/** Cores that others used. Below this a trial counts as undisturbed. */
const FOREIGN_CORES_MAX = 0.2
const QUIET_LOOK_MS = 500

/** How often a disturbed trial is repeated, and how long a quiet moment is waited for. */
export interface Patience {
  readonly attempts: number
  readonly quietWaitMs: number
}

/**
 * Runs a trial, and again while somebody else uses the machine. The attempt that was disturbed least counts; all are
 * handed to `keep`, each with the cores that others used meanwhile (`foreignCores`).
 */
export async function undisturbed<Trial extends Figures>(
  stage: Stage,
  patience: Patience,
  keep: (figures: Figures) => void,
  trial: () => Promise<Trial>,
): Promise<Trial> {
  let best: Trial | undefined
  let least = Infinity
  for (let attempt = 1; attempt <= patience.attempts; attempt++) {
    await waitForQuiet(stage, patience.quietWaitMs)
    const foreign = watchForeign(stage)
    const figures = await trial()
    const foreignCores = foreign(figures['clientCpuSeconds'])
    keep({ ...figures, foreignCores })
    if (foreignCores < least) best = figures
    least = Math.min(least, foreignCores)
    if (foreignCores <= FOREIGN_CORES_MAX) break
  }
  return best as Trial
}

async function waitForQuiet(stage: Stage, waitMs: number): Promise<void> {
  const endMs = systemClock.nowMs() + waitMs
  while (systemClock.nowMs() < endMs) {
    const foreign = watchForeign(stage)
    await sleep(systemClock, QUIET_LOOK_MS)
    if (foreign() <= FOREIGN_CORES_MAX) return
  }
}

/**
 * Starts to watch; the result tells how many cores were busy (or stolen) since then with what is not ours. A client
 * that ended meanwhile has told what it used.
 */
function watchForeign(stage: Stage): (clientCpuSeconds?: number) => number {
  const startMs = systemClock.nowMs()
  const before = readHost()
  const ownBefore = stage.ownCpuSeconds()
  return (clientCpuSeconds = 0) => {
    const seconds = (systemClock.nowMs() - startMs) / 1_000
    const now = readHost()
    const share = 1 - (now.cpu.idle - before.cpu.idle) / Math.max(1, now.cpu.total - before.cpu.total)
    const own = stage.ownCpuSeconds() - ownBefore + clientCpuSeconds
    return Math.max(0, share * now.processors - own / seconds)
  }
}
