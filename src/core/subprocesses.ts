import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { TenfoldError } from './errors.ts'
import type { Guardian } from './guardian-link.ts'
import { createGuardian } from './guardian-link.ts'
import { isRunning } from './process-identity.ts'
import type { ResourceLimits } from './resource-limits.ts'
import type { HandoverNotes, Subprocess, Subprocesses, SubprocessOptions } from './subprocess.ts'
import type { ChildContext, ManagedChild } from './subprocess-child.ts'
import { adoptChild, startChild } from './subprocess-child.ts'
import type { RecordedChild } from './subprocess-record.ts'
import { readRecord, recordedHandover, writeRecord } from './subprocess-record.ts'
import { STOP_DEADLINE_MS_DEFAULT } from './component.ts'

/** Where the children of a run are written down, and what becomes of them when we die. */
export interface SubprocessesOptions {
  /** Who runs, for a later run: `reapLeftovers` reads it. Its directory is made if need be. */
  recordFile: string
  /** Unique to this run; every child carries it in `TENFOLD_RUN`, and so does whatever a child starts. */
  runToken: string
  /** Whether a guardian process takes everything down when we die, also by kill -9; else the children live on. */
  isEphemeral: boolean
  /** @default systemClock */
  clock?: Clock
}

/**
 * Starts children that never leak: each one leads a process group of its own, is recorded before its first
 * instruction, and is stopped with everything that it started. What an earlier run left in the record stays there
 * until it is adopted or ended, here or by `reapLeftovers`.
 *
 * @example
 * const subprocesses = await createSubprocesses({ recordFile: 'state/children.json', runToken: uniqueId(), isEphemeral: true })
 * const child = await subprocesses.spawn({ name: 'api-1', command: 'node', args: ['api.js'], env: { PATH: '/usr/bin' }, outputFile: 'api-1.log' })
 * await child.stop() // { code: 0, signal: undefined }
 */
export async function createSubprocesses(options: SubprocessesOptions): Promise<Subprocesses> {
  const leftovers = (await readRecord(options.recordFile))?.children ?? []
  const subprocesses = new RecordedSubprocesses(options, leftovers)
  await subprocesses.save()
  return subprocesses
}

class RecordedSubprocesses implements Subprocesses {
  readonly #options: SubprocessesOptions
  readonly #clock: Clock
  readonly #guardian: Guardian | undefined
  readonly #children = new Map<number, ManagedChild>()
  readonly #starting = new Set<Promise<unknown>>()
  #leftovers: readonly RecordedChild[]
  #started = 0
  #isStopping = false
  /** What ends the letting go; undefined while nothing is let go. */
  #stopAfterAll: AbortSignal | undefined
  #lastSave: Promise<void> = Promise.resolve()

  constructor(options: SubprocessesOptions, leftovers: readonly RecordedChild[]) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#guardian = options.isEphemeral ? createGuardian(options.runToken) : undefined
    this.#leftovers = leftovers
  }

  async spawn(options: SubprocessOptions): Promise<Subprocess> {
    if (this.#isStopping) throw refused(options.name)
    const started = this.#start(options)
    this.#starting.add(started)
    try {
      return await started
    } finally {
      this.#starting.delete(started)
    }
  }

  leftover(name: string): HandoverNotes | undefined {
    return this.#adoptable(name)?.handover?.notes
  }

  leftovers(): readonly string[] {
    return this.#leftovers.filter((row) => isAdoptable(row) && isRunning(row)).map(({ name }) => name)
  }

  async adopt({ name, handover, limits }: SubprocessOptions): Promise<Subprocess | undefined> {
    if (this.#isStopping) throw refused(name)
    const row = this.#adoptable(name)
    if (row === undefined || handover === undefined) return undefined
    if (row.handover?.sameness !== recordedHandover(handover).sameness) return undefined
    const child = this.#takeOver(row, limits)
    await this.#enter(child)
    return child
  }

  async endLeftovers(name?: string, deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<readonly string[]> {
    const rows = this.#leftovers.filter((row) => (name === undefined || row.name === name) && isRunning(row))
    await Promise.all(rows.map((row) => this.#takeOver(row, undefined).stop(deadlineMs)))
    return rows.map((row) => row.name)
  }

  letGo(unless: AbortSignal): void {
    this.#stopAfterAll ??= unless
  }

  get isLettingGo(): boolean {
    return this.#stopAfterAll?.aborted === false
  }

  list(): readonly Subprocess[] {
    return [...this.#children.values()].filter((child) => child.isRunning)
  }

  async stopAll(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    this.#isStopping = true
    // Those that start right now see the flag when they have started, and end themselves.
    const stops = [...this.#children.values()].map((child) => child.stop(deadlineMs))
    await Promise.allSettled(this.#starting)
    const results = await Promise.allSettled(stops)
    await this.#guardian?.close()
    // Whoever comes next reads it.
    await this.#lastSave.catch(() => {})
    const failure = results.find((result) => result.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }

  /** Writes the record; writes queue up, and each one holds the state at the time it starts. */
  save(): Promise<void> {
    const save = async (): Promise<void> => {
      this.#leftovers = this.#leftovers.filter(isRunning)
      const children = [...this.#children.values()].map((child) => child.row)
      await writeRecord(this.#options.recordFile, this.#options.runToken, [...this.#leftovers, ...children])
    }
    this.#lastSave = this.#lastSave.catch(() => {}).then(save)
    return this.#lastSave
  }

  #adoptable(name: string): RecordedChild | undefined {
    return this.#leftovers.find((row) => row.name === name && isAdoptable(row) && isRunning(row))
  }

  /** From here on it is one of ours; the record says so all the time. */
  #takeOver(row: RecordedChild, limits: ResourceLimits | undefined): ManagedChild {
    const child = adoptChild(row, limits, this.#context())
    this.#leftovers = this.#leftovers.filter((other) => other !== row)
    this.#children.set(row.pid, child)
    return child
  }

  #context(): ChildContext {
    return {
      clock: this.#clock,
      onChanged: () => void this.save().catch(() => {}),
      onGone: (gone) => this.#leave(gone),
      isLettingGo: () => this.isLettingGo,
      onLeft: (left) => {
        this.#children.delete(left.identity.pid)
        this.#leftovers = [...this.#leftovers, left.row]
        // A failure leaves it in the record as one of ours, which is the same row.
        void this.save().catch(() => {})
      },
    }
  }

  async #start(options: SubprocessOptions): Promise<Subprocess> {
    const { runToken } = this.#options
    try {
      const child = await startChild(options, {
        ...this.#context(),
        runToken,
        childToken: `${runToken}/${++this.#started}`,
        onCreated: (created) => this.#enter(created),
      })
      if (!this.#isStopping) return child
      await child.stop(0)
    } catch (error) {
      // What looks like a failure was our own stop in the middle of the start.
      if (!this.#isStopping) throw error
    }
    throw refused(options.name)
  }

  async #enter(child: ManagedChild): Promise<void> {
    this.#children.set(child.identity.pid, child)
    await Promise.all([this.save(), this.#guardian?.watch(child.row)])
  }

  async #leave(child: ManagedChild): Promise<void> {
    this.#children.delete(child.identity.pid)
    this.#guardian?.forget(child.identity.pid)
    // A full disk, say: the record names a process that is gone, which harms nobody; the next write corrects it.
    await this.save().catch(() => {})
  }
}

/** Whether a later run may go on with a child of an earlier one. */
export function isAdoptable({ handover, isLeaving }: RecordedChild): boolean {
  return handover !== undefined && isLeaving !== true
}

function refused(name: string): TenfoldError {
  return new TenfoldError('TF_ABORTED', `expected ${name} to be started, but everything is being stopped`)
}
