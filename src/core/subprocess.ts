import type { ChildUser } from './child-user.ts'
import type { ProcessIdentity } from './process-identity.ts'
import type { CpuThrottling, ResourceLimits } from './resource-limits.ts'

/** Lets a later run take a child over where it would start the same one. */
export interface Handover {
  /** Everything that the child depends on: it is taken over only by who would say exactly this. Kept as a hash. */
  readonly sameness: string
  /** What its owner must know to go on with it. Kept where only we can read it. */
  readonly notes: HandoverNotes
}

export type HandoverNotes = Readonly<Record<string, string | number>>

/** What to run, and how. Nothing is inherited that is not written here. */
export interface SubprocessOptions {
  /** Who this is in errors and records: `'api-2'`, `'orders-primary'`. */
  name: string
  /** Executable, absolute or looked up on the PATH of `env`. */
  command: string
  args?: readonly string[]
  /** The whole environment of the child. */
  env: Readonly<Record<string, string>>
  /** Working directory; the child's user must be able to enter it. @default '/' */
  cwd?: string
  /** Account to drop to before the program starts; undefined keeps ours. */
  user?: ChildUser | undefined
  /** CPU and memory limits; see `Subprocess.limits` for what the machine could enforce. */
  limits?: ResourceLimits | undefined
  /** File that both output streams are appended to; it outlives us, so a child never blocks on a dead reader. */
  outputFile: string
  /** Reads our standard input and writes to our outputs instead; `outputFile` is then only a name in errors. @default false */
  isAttached?: boolean
  /** What asks the child to leave. @default 'SIGTERM' */
  stopSignal?: 'SIGTERM' | 'SIGINT'
  /** @default a later run ends the child before it starts anything */
  handover?: Handover | undefined
}

/** How a child ended: `code` or `signal` is set; neither, if it was adopted, since only its parent is told. */
export interface ExitStatus {
  code: number | undefined
  signal: NodeJS.Signals | undefined
  /** The kernel killed it, or what it waited for, because its memory limit was reached. @default false */
  isOverMemory?: boolean
}

/** A child in a process group of its own. */
export interface Subprocess {
  readonly name: string
  /** Pid and start time: together they never name another process. */
  readonly identity: ProcessIdentity
  /** Whether an earlier run had started it. */
  readonly isAdopted: boolean
  /** What of the limits is enforced, and why the rest is not. */
  readonly limits: { enforced: boolean; reason?: string }
  /** Resolves when the child has ended and been reaped. Never rejects. */
  readonly exited: Promise<ExitStatus>
  /** CPU seconds used so far by the child (its whole control group where limits are enforced), or undefined once gone. */
  cpuSeconds(): number | undefined
  /** Resident bytes of the child (its whole control group where limits are enforced), or undefined once gone. */
  memoryBytes(): number | undefined
  /** How often its CPU limit held it back so far; undefined without an enforced CPU limit, or once gone. */
  throttling(): CpuThrottling | undefined
  /**
   * Lifts the CPU limit while the child prepares itself (starts, recovers, fills its tables), and puts it back. It is on
   * from the first instruction; without an enforced CPU limit nothing happens.
   */
  limitCpu(isLimited: boolean): void
  /**
   * Lets all others go first where the CPU is short (a third of what another gets), or ends that. By its control group, or
   * by its session where those share the CPU; elsewhere nothing happens. A refusal is tried again by the next call.
   */
  yieldCpu(isYielding: boolean): void
  /** Sends a signal to the child alone; does nothing once it is gone. */
  signal(signal: NodeJS.Signals): void
  /**
   * Asks the child to leave; after `deadlineMs` (10 s unless given) kills its whole group and all descendants. Resolves
   * when all of them are gone. Safe twice; a shorter deadline hastens the first.
   */
  stop(deadlineMs?: number): Promise<ExitStatus>
  /** Lets it go if it was adopted by a run that lets go, see `Subprocesses.letGo`; true then. `stop` begins with it. */
  leave(): boolean
}

/** Starts children, records them durably, and takes them all down: nothing started here is ever leaked. */
export interface Subprocesses {
  /**
   * Resolves when the program is found and started: it is in the record before its first instruction.
   *
   * @throws TF_SPAWN_FAILED with what the system said
   * @throws TF_ABORTED after `stopAll`
   */
  spawn(options: SubprocessOptions): Promise<Subprocess>
  /** What was noted of a child of an earlier run that can still be adopted; undefined when there is none of that name. */
  leftover(name: string): HandoverNotes | undefined
  /** The names of children of an earlier run that can still be adopted. */
  leftovers(): readonly string[]
  /**
   * Takes over the child of an earlier run that has the name of these options and was started with the same
   * `handover.sameness`: it goes on as if we had started it, and is stopped as such. Undefined when there is none.
   */
  adopt(options: SubprocessOptions): Promise<Subprocess | undefined>
  /**
   * Ends what an earlier run left and nobody has adopted, all of it or the child of that name.
   *
   * @returns the names of those that still ran
   */
  endLeftovers(name?: string, deadlineMs?: number): Promise<readonly string[]>
  /**
   * This run has failed before it took over: from now on children that it adopted are let go where they would be
   * stopped. They run on, in the record as they were, and a later run adopts them; for us they have ended. Those that
   * were asked to leave before still do.
   *
   * @param unless once it is aborted, everything is stopped after all
   */
  letGo(unless: AbortSignal): void
  /** Whether adopted children are let go now. */
  readonly isLettingGo: boolean
  /** The children that run now. */
  list(): readonly Subprocess[]
  /**
   * Stops every child, in no order; those that matter in order are stopped by their owners first. From then on `spawn`
   * is refused with TF_ABORTED, so that no late restart slips through. Safe twice; a shorter deadline hastens the first.
   */
  stopAll(deadlineMs?: number): Promise<void>
}
