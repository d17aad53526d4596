import type { Scenario } from '../blueprint/scenario.ts'
import type { ErrorCode } from '../core/error-codes.ts'
import type { ArrivalPlan } from './arrival.ts'
import type { PoolLimits } from './connection-pool.ts'
import type { Failure } from './failure.ts'
import type { LoadedFeeds } from './feed.ts'
import type { MeterMemory } from './meter.ts'
import type { LoopResult, LoopSecond } from './open-loop.ts'
import type { Address } from './transport.ts'

/** What a worker thread needs to know; plain data. */
export interface WorkerConfig {
  readonly address: Address
  /** Value of the Host header. */
  readonly host: string
  readonly scenarios: readonly Scenario[]
  readonly feeds: LoadedFeeds
  readonly directory: string
  readonly plan: ArrivalPlan
  readonly seed: number
  readonly worker: number
  readonly workers: number
  readonly durationMs: number
  readonly warmupMs: number
  readonly timeoutMs: number
  readonly connections: PoolLimits
  readonly dueMax: number
  readonly memory: MeterMemory
}

/** From the generator to a worker: begin at this moment of the wall clock. */
export interface StartMessage {
  readonly startEpochMs: number
}

/** From a worker to the generator. */
export type WorkerMessage =
  /** Connections are open. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'second'; readonly second: LoopSecond }
  | { readonly kind: 'failure'; readonly step: number; readonly failure: Failure }
  | { readonly kind: 'end'; readonly result: LoopResult; readonly elu: number; readonly cpuSeconds: number }
  /** The run can't begin. */
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'invalid'; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined }
