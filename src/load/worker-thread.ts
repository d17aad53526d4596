import { Worker } from 'node:worker_threads'
import { TenfoldError } from '../core/errors.ts'
import type { Collector, WorkerEnd } from './collector.ts'
import { createMeterMemory, readBank } from './meter.ts'
import type { StartMessage, WorkerConfig, WorkerMessage } from './worker-protocol.ts'

/** A generator thread. */
export interface WorkerThread {
  /** Its connections are open and its modules loaded. */
  readonly ready: Promise<void>
  readonly ended: Promise<WorkerEnd>
  start(startEpochMs: number): void
  /** Ends it at once, with its connections. */
  terminate(): Promise<void>
}

/** The built package holds JavaScript, the checkout TypeScript. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

/** Nothing a request leaves survives it: more would mean fewer collections, but would not stay in the processor's cache. */
const YOUNG_GENERATION_MB = 16

/** Starts a thread; what it measures goes to `collector`. */
export function startWorkerThread(config: Omit<WorkerConfig, 'memory'>, collector: Collector): WorkerThread {
  const memory = createMeterMemory(collector.stepCount)
  const ready = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<WorkerEnd>()
  const worker = new Worker(ENTRY, {
    name: `tenfold-load-${config.worker}`,
    workerData: { ...config, memory } satisfies WorkerConfig,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })

  function fail(error: TenfoldError): void {
    ready.reject(error)
    ended.reject(error)
  }
  // Whichever of the two is not awaited any more must not bring the process down.
  ready.promise.catch(() => undefined)
  ended.promise.catch(() => undefined)

  worker.on('message', (message: WorkerMessage) => {
    switch (message.kind) {
      case 'ready':
        ready.resolve()
        break
      case 'second': {
        const { second } = message
        if (second.bank === undefined) collector.addSecond(second, undefined)
        else readBank(memory, second.bank, (bank) => collector.addSecond(second, bank))
        break
      }
      case 'failure':
        collector.addFailure(message.step, message.failure)
        break
      case 'end':
        collector.leave()
        ended.resolve(message)
        break
      case 'refused':
        fail(unreachable(config, message.problem))
        break
      case 'invalid':
        fail(new TenfoldError(message.code, message.message, message.hint === undefined ? {} : { hint: message.hint }))
        break
    }
  })
  worker.once('error', (cause) => fail(died('an error', cause)))
  worker.once('exit', (code) => fail(died(`exit code ${code}`)))

  return {
    ready: ready.promise,
    ended: ended.promise,
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    start: (startEpochMs) => worker.postMessage({ startEpochMs } satisfies StartMessage),
    terminate: async () => void (await worker.terminate()),
  }
}

function unreachable(config: Omit<WorkerConfig, 'memory'>, problem: string): TenfoldError {
  return new TenfoldError('TF_TARGET_UNREACHABLE', `expected connections to ${config.host}, got ${problem}`, {
    hint: 'start the target, or correct its address',
    details: { ...config.address },
  })
}

function died(how: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_LOAD_WORKER_FAILED', `expected the generator's thread to run to its end, got ${how}`, {
    hint: 'run it again with a lower rate; if it happens again, report it with this message',
    cause,
  })
}
