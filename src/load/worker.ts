import { isAbsolute, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import type { Scenario } from '../blueprint/scenario.ts'
import { systemClock } from '../core/clock.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { createArrivalProcess } from './arrival.ts'
import { createMeter } from './meter.ts'
import type { OpenLoop } from './open-loop.ts'
import { createOpenLoop } from './open-loop.ts'
import type { StepCodes } from './scenario.ts'
import { codeKey, compileScenarios } from './scenario.ts'
import { createSessions } from './session.ts'
import type { StepCode } from './step-request.ts'
import { connectTo } from './transport.ts'
import type { StartMessage, WorkerConfig, WorkerMessage } from './worker-protocol.ts'

// The entry of a generator thread. It owns one open loop and tells the main thread what it measures.

const config = workerData as WorkerConfig

try {
  await run()
} catch (error) {
  const isOurs = error instanceof TenfoldError
  send({
    kind: 'invalid',
    code: isOurs ? error.code : 'TF_SCENARIO_INVALID',
    message: messageOf(error),
    hint: isOurs ? error.hint : 'correct the module that the step names in "code"',
  })
}

async function run(): Promise<void> {
  const codes = await loadCodes(config.scenarios, config.directory)
  const loop = createLoop(codes)
  try {
    await loop.prepare()
  } catch (error) {
    loop.stop()
    send({ kind: 'refused', problem: messageOf(error) })
    return
  }
  const { promise: started, resolve: start } = Promise.withResolvers<StartMessage>()
  parentPort?.once('message', start)
  send({ kind: 'ready' })
  const { startEpochMs } = await started

  // The workers share the wall clock, and nothing else, to agree on time zero.
  const startMs = systemClock.nowMs() + (startEpochMs - systemClock.epochMs())
  let busy = performance.eventLoopUtilization()
  let cpu = threadCpuSeconds()
  systemClock.schedule(Math.max(0, startMs - systemClock.nowMs()), () => {
    busy = performance.eventLoopUtilization()
    cpu = threadCpuSeconds()
  })
  let elu: number | undefined
  systemClock.schedule(Math.max(0, startMs + config.durationMs - systemClock.nowMs()), () => {
    elu = performance.eventLoopUtilization(busy).utilization
  })
  const result = await loop.run(startMs)
  elu ??= performance.eventLoopUtilization(busy).utilization
  send({ kind: 'end', result, elu, cpuSeconds: threadCpuSeconds() - cpu })
}

function createLoop(codes: StepCodes): OpenLoop {
  return createOpenLoop({
    clock: systemClock,
    connect: connectTo(config.address),
    arrivals: createArrivalProcess(config.plan, config.seed),
    worker: config.worker,
    workers: config.workers,
    sessions: createSessions(compileScenarios(config.scenarios, config.feeds, config.host, codes), config.seed),
    meter: createMeter(config.memory),
    durationMs: config.durationMs,
    timeoutMs: config.timeoutMs,
    connections: config.connections,
    dueMax: config.dueMax,
    onSecond: (second) => send({ kind: 'second', second }),
    onFailure: (step, failure) => send({ kind: 'failure', step, failure }),
  })
}

async function loadCodes(scenarios: readonly Scenario[], directory: string): Promise<StepCodes> {
  const codes = new Map<string, StepCode>()
  for (const { code } of scenarios.flatMap((scenario) => scenario.steps)) {
    if (code === undefined || codes.has(codeKey(code))) continue
    const path = isAbsolute(code.module) ? code.module : resolve(directory, code.module)
    const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>
    const found = module[code.export]
    if (typeof found !== 'function') {
      throw new TenfoldError(
        'TF_SCENARIO_INVALID',
        `expected ${path} to export a function "${code.export}", got ${typeof found}`,
        {
          hint: 'export a function (request, session) => request under that name',
        },
      )
    }
    codes.set(codeKey(code), found as StepCode)
  }
  return codes
}

/** CPU time of this thread; on a Node that can't tell, of the whole process. */
function threadCpuSeconds(): number {
  const usage = typeof process.threadCpuUsage === 'function' ? process.threadCpuUsage() : process.cpuUsage()
  return (usage.user + usage.system) / 1_000_000
}

function send(message: WorkerMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(message)
}
