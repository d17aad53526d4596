import type { Failure } from './failure.ts'
import type { ResolvedLoadOptions } from './load-options.ts'
import type { FailureExample, LoadResult, LoadSecond } from './load-result.ts'
import type { Bank } from './meter.ts'
import { addBank, createBank } from './meter.ts'
import type { LoopResult, LoopSecond } from './open-loop.ts'
import { createSecondMerger } from './second-merger.ts'
import { stepNames, summarise } from './summarise.ts'
import { judgeValidity } from './validity.ts'

/** Adds up what the workers measure, and makes the result of it. */
export interface Collector {
  readonly stepCount: number
  addSecond(second: LoopSecond, bank: Bank | undefined): void
  addFailure(step: number, failure: Failure): void
  /** A worker has ended. */
  leave(): void
  result(ends: readonly WorkerEnd[]): LoadResult
}

/** What a worker says when it ends. */
export interface WorkerEnd {
  readonly result: LoopResult
  readonly elu: number
  readonly cpuSeconds: number
}

/** Failures in words that a result holds. */
const EXAMPLES_MAX = 50

/** A collector for one run. */
export function createCollector(options: ResolvedLoadOptions, onSecond?: (second: LoadSecond) => void): Collector {
  const names = stepNames(options.scenarios)
  const total = createBank(names.length)
  const seconds: LoadSecond[] = []
  const examples = new Map<string, FailureExample>()
  const merger = createSecondMerger(options.workers, (second) => {
    seconds.push(second)
    onSecond?.(second)
  })

  return {
    stepCount: names.length,
    addSecond(second, bank) {
      if (bank !== undefined) addBank(total, bank)
      merger.add(second, bank)
    },
    addFailure(step, { kind, problem }) {
      const key = `${step} ${kind} ${problem}`
      const name = names[step]
      if (name !== undefined && examples.size < EXAMPLES_MAX) examples.set(key, { ...name, kind, problem })
    },
    leave: () => merger.leave(),
    result(ends) {
      const sum = (of: (end: WorkerEnd) => number): number => ends.reduce((total, end) => total + of(end), 0)
      const measured = summarise(
        total,
        options.scenarios,
        sum((end) => end.result.unfinished),
      )
      const lagMsP99 = total.lag.percentile(99) / 1_000
      const elu = Math.max(...ends.map((end) => end.elu))
      return {
        target: options.target,
        seed: options.seed,
        durationMs: options.durationMs,
        warmupMs: options.warmupMs,
        timeScale: options.timeScale,
        ...measured,
        examples: [...examples.values()],
        seconds,
        generator: {
          workers: options.workers,
          lag: total.lag.serialise(),
          lagMsP99,
          elu,
          cpuSeconds: sum((end) => end.cpuSeconds),
          connectionsMax: sum((end) => end.result.connectionsMax),
          isConnectionLimited: ends.some((end) => end.result.wasLimited),
        },
        validity: judgeValidity(
          {
            lagMsP99,
            elu,
            planned: measured.sessions.planned,
            offered: measured.sessions.offered,
            overflowed: measured.failures.overflow,
            localProblems: sum((end) => end.result.localProblems),
          },
          options.latencyBoundMs,
        ),
      }
    },
  }
}
