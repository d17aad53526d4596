import type { ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import type { Cancel, Clock } from './clock.ts'
import { sleep, withTimeout } from './clock.ts'
import { STOP_DEADLINE_MS_DEFAULT } from './component.ts'
import type { ControlGroup } from './control-group.ts'
import { processesInside, removeGroups } from './control-group.ts'
import { hasCode } from './errors.ts'
import { adoptGroups, limitResources } from './limit-resources.ts'
import { findFamily, keyOf } from './process-family.ts'
import type { ProcessIdentity } from './process-identity.ts'
import { identifyProcess, isRunning, signalProcess } from './process-identity.ts'
import { CHILD_VARIABLE, environmentOf, readProcessTable, RUN_VARIABLE } from './process-table.ts'
import { processUsage } from './process-usage.ts'
import type { CpuThrottling, ResourceLimits } from './resource-limits.ts'
import { setSessionNice } from './session-priority.ts'
import { spawnBehindGate, spawnFailed } from './spawn.ts'
import { closeGate, openGate } from './spawn-gate.ts'
import type { ExitStatus, Subprocess, SubprocessOptions } from './subprocess.ts'
import type { RecordedChild } from './subprocess-record.ts'
import { recordedHandover } from './subprocess-record.ts'
import { GRACE_MS_DEFAULT, takeDown } from './take-down.ts'

/** What a child needs from whoever keeps the record. */
export interface ChildContext {
  readonly clock: Clock
  /** Its row has changed. */
  onChanged(): void
  /** The child and everything it started is gone. */
  onGone(child: ManagedChild): Promise<void>
  /** Whether an adopted child is let go where it would be stopped. */
  isLettingGo(): boolean
  /** The child is let go: it runs on, and is not ours any more. */
  onLeft(child: ManagedChild): void
}

/** As `ChildContext`, of a child that is started. */
export interface StartContext extends ChildContext {
  readonly runToken: string
  /** Marks this child and all that it starts, among those of the run. */
  readonly childToken: string
  /** The process exists, but has run nothing yet; the program starts when this resolves. */
  onCreated(child: ManagedChild): Promise<void>
}

/** A child as its owner within this folder sees it. */
export interface ManagedChild extends Subprocess {
  readonly isRunning: boolean
  readonly row: RecordedChild
  /** Resolves when the child and everything it started is gone; rejects when something survives SIGKILL. */
  readonly gone: Promise<void>
}

/** Longer than any machine needs that is not out of memory. */
const START_TIMEOUT_MS = 30_000

/** A third of the weight of others. */
const YIELDING_NICE = 5

const REMOVE_ATTEMPTS_MAX = 25
/** Nobody is told of the end of a process that is not their child. A look is a read of one file in /proc. */
const LOOK_INTERVAL_MS = 100

/**
 * Starts one child.
 *
 * @throws TF_SPAWN_FAILED
 */
export async function startChild(options: SubprocessOptions, context: StartContext): Promise<ManagedChild> {
  const group = limitResources(options.limits)
  const env = { ...options.env, [RUN_VARIABLE]: context.runToken, [CHILD_VARIABLE]: context.childToken }
  let child: ChildProcess
  try {
    child = await spawnBehindGate({ ...options, env }, group.joinFiles)
  } catch (error) {
    removeGroups(group.directories)
    throw error
  }
  const gate = child.stdio[3] as Duplex
  let managed: Child | undefined
  try {
    managed = new Child({
      hold: holdOn(child),
      row: rowOf(child, options, context, group),
      context,
      group,
      isAdopted: false,
    })
    await context.onCreated(managed)
    const answer = await withTimeout(context.clock, START_TIMEOUT_MS, 'the start', openGate(gate))
    if (answer?.isFound !== true) throw spawnFailed(options, answer === undefined ? 'LEFT' : 'ENOENT')
    if (!answer.hasJoined) managed.limitsFailed('the kernel refused to let the process into its control group')
    return managed
  } catch (error) {
    await closeGate(gate)
    if (managed === undefined) child.kill('SIGKILL')
    await managed?.stop(0)
    throw hasCode(error, 'TF_SPAWN_FAILED') ? error : spawnFailed(options, codeOf(error), error)
  }
}

/** Goes on with the child of an earlier run, which has to be running. */
export function adoptChild(
  row: RecordedChild,
  limits: ResourceLimits | undefined,
  context: ChildContext,
): ManagedChild {
  const group = adoptGroups(row.controlGroups, limits)
  const looking = new AbortController()
  const hold: Hold = {
    exited: endOf(row, context.clock, looking.signal).then(() => ({ code: undefined, signal: undefined })),
    signal: (signal) => void signalProcess(row, signal),
    release: () => looking.abort(),
  }
  return new Child({ hold, row, context, group, isAdopted: true })
}

/** Resolves when a process that is not our child runs no more, or is not looked at any more. */
async function endOf(row: RecordedChild, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && isStillThere(row)) await sleep(clock, LOOK_INTERVAL_MS, signal).catch(() => undefined)
}

/** Not seen, for want of a descriptor, is not gone. */
function isStillThere(row: RecordedChild): boolean {
  try {
    return isRunning(row)
  } catch {
    return true
  }
}

/** Our hold on a process, child or not. */
interface Hold {
  readonly exited: Promise<ExitStatus>
  signal(signal: NodeJS.Signals): void
  /** Does not look at it any more, as if it had ended; undefined where only its end tells. */
  readonly release?: () => void
}

function holdOn(child: ChildProcess): Hold {
  return {
    exited: new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }))
    }),
    signal: (signal) => void child.kill(signal),
  }
}

function rowOf(
  child: ChildProcess,
  { name, stopSignal = 'SIGTERM', handover }: SubprocessOptions,
  { runToken, childToken }: StartContext,
  group: ControlGroup,
): RecordedChild {
  const pid = child.pid as number
  return {
    // A process that ended at once is a zombie until 'exit' is emitted, and nobody else can have its pid.
    ...(identifyProcess(pid) ?? { pid, startTime: 'ended' }),
    name,
    stopSignal,
    runToken,
    childToken,
    controlGroups: group.directories,
    ...(handover === undefined ? {} : { handover: recordedHandover(handover) }),
  }
}

/** A shell whose program was killed ends by itself, with 128 + 9; of an adopted child we don't know. */
function isPerhapsKilled({ code, signal }: ExitStatus): boolean {
  return signal === 'SIGKILL' || code === 137 || (signal === undefined && code === undefined)
}

/** A full disk under the record, a start that takes for ever. */
function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '')
}

interface ChildParts {
  readonly hold: Hold
  readonly row: RecordedChild
  readonly context: ChildContext
  readonly group: ControlGroup
  readonly isAdopted: boolean
}

class Child implements ManagedChild {
  readonly isAdopted: boolean
  readonly name: string
  readonly identity: ProcessIdentity
  readonly exited: Promise<ExitStatus>
  readonly gone: Promise<void>
  row: RecordedChild
  isRunning = true
  readonly #hold: Hold
  readonly #context: ChildContext
  readonly #group: ControlGroup
  readonly #known = new Set<string>()
  readonly #mustLeave = Promise.withResolvers<void>()
  #killAtMs = Number.POSITIVE_INFINITY
  #cancelKill: Cancel = () => {}
  #isAsked = false
  #isLeft = false
  #isCpuLimited: boolean | undefined
  #isYielding: boolean | undefined
  #limitsFailure: string | undefined

  constructor(parts: ChildParts) {
    const { hold, row, context, group } = parts
    this.isAdopted = parts.isAdopted
    this.name = row.name
    // What an earlier run left it in nobody knows.
    this.#isYielding = parts.isAdopted ? undefined : false
    this.identity = { pid: row.pid, startTime: row.startTime }
    this.row = row
    this.#hold = hold
    this.#context = context
    this.#group = group
    const killsBefore = group.memoryKills()
    this.exited = hold.exited.then((status) => {
      this.isRunning = false
      return group.memoryKills() > killsBefore && isPerhapsKilled(status) ? { ...status, isOverMemory: true } : status
    })
    this.gone = this.#windDown()
    // Whoever stops the child hears of it; a child that leaves by itself has nobody who listens.
    this.gone.catch(() => {})
  }

  get limits(): { enforced: boolean; reason?: string } {
    return this.#limitsFailure === undefined ? this.#group.state : { enforced: false, reason: this.#limitsFailure }
  }

  limitsFailed(reason: string): void {
    this.#limitsFailure = reason
  }

  cpuSeconds(): number | undefined {
    if (!this.isRunning) return undefined
    return this.#group.cpuSeconds() ?? processUsage(this.identity)?.cpuSeconds
  }

  memoryBytes(): number | undefined {
    if (!this.isRunning) return undefined
    return this.#group.memoryBytes() ?? processUsage(this.identity)?.memoryBytes
  }

  throttling(): CpuThrottling | undefined {
    return this.isRunning ? this.#group.throttling() : undefined
  }

  limitCpu(isLimited: boolean): void {
    if (!this.isRunning || isLimited === this.#isCpuLimited) return
    this.#isCpuLimited = isLimited
    this.#group.limitCpu(isLimited)
  }

  yieldCpu(isYielding: boolean): void {
    if (!this.isRunning || isYielding === this.#isYielding) return
    this.#group.yieldCpu(isYielding)
    if (setSessionNice(this.identity.pid, isYielding ? YIELDING_NICE : 0)) this.#isYielding = isYielding
  }

  signal(signal: NodeJS.Signals): void {
    // Until its end is reported to us nobody else can have its pid, so there is nothing to compare.
    if (this.isRunning) this.#hold.signal(signal)
  }

  leave(): boolean {
    const { release } = this.#hold
    if (release === undefined || this.#isAsked || !this.isRunning || !this.#context.isLettingGo()) return this.#isLeft
    this.#isLeft = true
    this.isRunning = false
    release()
    this.#context.onLeft(this)
    return true
  }

  async stop(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<ExitStatus> {
    if (this.leave()) return this.exited
    this.#killWithin(deadlineMs)
    if (!this.#isAsked && this.isRunning) {
      this.#isAsked = true
      this.row = { ...this.row, isLeaving: true }
      this.#context.onChanged()
      this.#meetFamily()
      if (deadlineMs > 0) this.signal(this.row.stopSignal)
    }
    await this.gone
    return this.exited
  }

  /** Brings the time of the kill forward, never back. */
  #killWithin(deadlineMs: number): void {
    const killAtMs = this.#context.clock.nowMs() + Math.max(0, deadlineMs)
    if (killAtMs >= this.#killAtMs) return
    this.#killAtMs = killAtMs
    this.#cancelKill()
    this.#cancelKill = this.#context.clock.schedule(Math.max(0, deadlineMs), () => this.#mustLeave.resolve())
  }

  /** From the end of the leader, or the end of our patience, until nobody of its family is left. */
  async #windDown(): Promise<void> {
    await Promise.race([this.exited, this.#mustLeave.promise])
    if (this.#isLeft) return
    // One that leaves by itself may leave others behind; they get a moment, as nobody will ask for them again.
    this.#killWithin(GRACE_MS_DEFAULT)
    try {
      await takeDown({
        clock: this.#context.clock,
        name: this.name,
        roots: [this.identity],
        mark: () => this.#mark(),
        known: this.#known,
        signal: () => this.row.stopSignal,
        killAtMs: () => this.#killAtMs,
      })
      await this.exited
    } finally {
      this.#cancelKill()
    }
    await this.#removeGroups()
    await this.#context.onGone(this)
  }

  /** Remembers the descendants while their parents still connect them to us. */
  #meetFamily(): void {
    try {
      const options = { roots: [this.identity], known: this.#known, isMarked: this.#mark() }
      for (const row of findFamily(readProcessTable(), options)) this.#known.add(keyOf(row))
    } catch {
      // No descriptor is free to look with. Group, mark and control group still find nearly everybody later.
    }
  }

  /** Whoever is in our control group belongs, and whoever carries our token: a daemon leaves neither behind. */
  #mark(): (pid: number) => boolean {
    const inside = processesInside(this.#group.directories)
    return (pid) => inside.has(pid) || environmentOf(pid, CHILD_VARIABLE) === this.row.childToken
  }

  /** The kernel may take a moment to forget the last process; what stays then is removed by a later start. */
  async #removeGroups(): Promise<void> {
    for (let i = 0; i < REMOVE_ATTEMPTS_MAX && !removeGroups(this.#group.directories); i++) {
      await sleep(this.#context.clock, 20)
    }
  }
}
