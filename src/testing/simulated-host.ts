import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type {
  InstanceExit,
  InstanceHost,
  InstanceRequest,
  ProbeResult,
  RunningInstance,
} from '../fleet/instance-host.ts'

/** How a simulated program behaves; by default it is ready after 100 ms, and leaves at once when asked. */
export interface SimulatedProgram {
  /** Time from the start until it is ready; Infinity: never. @default 100 */
  readonly readyAfterMs?: number
  /** It ends by itself after this time. @default Infinity */
  readonly exitsAfterMs?: number
  /** @default 'exited with code 1' */
  readonly exitReason?: string
  /** Its end says that its port had been taken. @default false */
  readonly isPortTaken?: boolean
  /** How long it takes to leave when asked; Infinity: it has to be killed. @default 0 */
  readonly leavesAfterMs?: number
  /** It can't even be started. */
  readonly failure?: Error
}

/** A host whose processes are imaginary. */
export interface SimulatedHost extends InstanceHost {
  /** Ids of the instances that run now, in the order they were started. */
  readonly running: readonly string[]
  /** How many ran at once at most. */
  readonly runningMax: number
  /** How many have been started. */
  readonly starts: number
  /** How many did not leave in time and were killed. */
  readonly kills: number
  /** Ends an instance, as a crash or kill -9 would. */
  crash(id: string, reason?: string): void
  /** Lets the health checks of an instance fail, or succeed again. */
  setHealthy(id: string, isHealthy: boolean): void
}

/**
 * A host for tests and simulations: the supervisor runs unchanged, time is the clock's.
 *
 * @param program how the process behaves that is started; asked for each one
 * @example
 * const clock = virtualClock()
 * const host = simulatedHost(clock, ({ id }) => ({ readyAfterMs: id === 'api-1' ? 100 : Infinity }))
 */
export function simulatedHost(
  clock: Clock,
  program: (request: InstanceRequest, startNumber: number) => SimulatedProgram = () => ({}),
): SimulatedHost {
  const processes = new Map<string, SimulatedProcess>()
  let [runningMax, starts, kills] = [0, 0, 0]
  return {
    get running() {
      return [...processes.keys()]
    },
    get runningMax() {
      return runningMax
    },
    get starts() {
      return starts
    },
    get kills() {
      return kills
    },
    async start(request) {
      starts++
      const behaviour = program(request, starts)
      if (behaviour.failure !== undefined) throw behaviour.failure
      if (processes.has(request.id)) throw new Error(`${request.id} runs twice`)
      const process = new SimulatedProcess(clock, request, 10_000 + starts, behaviour, () => kills++)
      processes.set(request.id, process)
      runningMax = Math.max(runningMax, processes.size)
      void process.exited.then(() => processes.delete(request.id))
      return process
    },
    crash: (id, reason = 'was ended by SIGKILL') => processes.get(id)?.end(reason),
    setHealthy(id, isHealthy) {
      const process = processes.get(id)
      if (process !== undefined) process.isHealthy = isHealthy
    },
  }
}

class SimulatedProcess implements RunningInstance {
  readonly id: string
  readonly pid: number
  readonly host = '127.0.0.1'
  readonly port: number
  readonly limitsNotEnforced = undefined
  readonly exited: Promise<InstanceExit>
  isHealthy = true
  readonly #clock: Clock
  readonly #program: SimulatedProgram
  readonly #startedMs: number
  readonly #end = Promise.withResolvers<InstanceExit>()
  readonly #onKill: () => void
  readonly #cancelExit: () => void
  readonly #ended = new AbortController()

  constructor(clock: Clock, { id }: InstanceRequest, number: number, program: SimulatedProgram, onKill: () => void) {
    this.id = id
    this.pid = number
    this.port = number
    this.exited = this.#end.promise
    this.#clock = clock
    this.#program = program
    this.#startedMs = clock.nowMs()
    this.#onKill = onKill
    const { exitsAfterMs = Infinity, exitReason = 'exited with code 1' } = program
    const end = (): void => this.end(exitReason)
    this.#cancelExit = exitsAfterMs === Infinity ? () => undefined : clock.schedule(exitsAfterMs, end)
  }

  end(reason: string): void {
    this.#ended.abort()
    this.#cancelExit()
    this.#end.resolve({ reason, lastLines: [], isPortTaken: this.#program.isPortTaken ?? false })
  }

  async probe(): Promise<ProbeResult> {
    const isUp = this.#clock.nowMs() - this.#startedMs >= (this.#program.readyAfterMs ?? 100)
    if (isUp && this.isHealthy && !this.#ended.signal.aborted) return { isReady: true }
    return { isReady: false, reason: isUp ? '/health answered 500' : `port ${this.port} does not accept: ECONNREFUSED` }
  }

  async stop(deadlineMs: number): Promise<void> {
    if (this.#ended.signal.aborted) return
    const leavesAfterMs = this.#program.leavesAfterMs ?? 0
    const isStubborn = leavesAfterMs > deadlineMs
    const waitMs = Math.min(leavesAfterMs, deadlineMs)
    await sleep(this.#clock, waitMs, this.#ended.signal).catch(() => undefined)
    if (this.#ended.signal.aborted) return
    if (isStubborn) this.#onKill()
    this.end(isStubborn ? 'was ended by SIGKILL' : 'exited with code 0')
  }
}
