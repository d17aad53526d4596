import type { ResolvedBlueprint, ResolvedGateway } from '../blueprint/resolved-blueprint.ts'
import type { FrameStore } from '../control/frame-store.ts'
import { createFrameStore } from '../control/frame-store.ts'
import type { Notice, SystemSnapshot } from '../control/snapshot.ts'
import type { SnapshotStore } from '../control/snapshot-store.ts'
import { createSnapshotStore } from '../control/snapshot-store.ts'
import type { StateDirectory } from '../control/state-directory.ts'
import { openStateDirectory } from '../control/state-directory.ts'
import { findChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { formatDuration } from '../core/duration.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { requireOpenFiles } from '../core/open-files.ts'
import { uniqueId } from '../core/random.ts'
import { reapLeftovers } from '../core/reap-leftovers.ts'
import { createSubprocesses, isAdoptable } from '../core/subprocesses.ts'
import { packageRootOf } from '../fleet/release.ts'
import { createSecrets } from '../fleet/secrets.ts'
import { initialSnapshot } from './initial-snapshot.ts'
import { keepNotice } from './keep-notice.ts'
import { runningPhase } from './system-phase.ts'
import type { SystemParts } from './system-parts.ts'
import { createSystemParts } from './system-parts.ts'
import type { WatchOutcome } from './watch.ts'
import { watchSystem } from './watch.ts'

/** @see createSystem */
export interface SystemOptions {
  readonly blueprint: ResolvedBlueprint
  /** Where the gateway listens whatever the blueprint says, also after it was edited. @default the blueprint's */
  readonly gateway?: ResolvedGateway | undefined
  /** Service, an `entry`, of which one instance listens for a debugger; a notice says where. */
  readonly inspect?: string | undefined
  /** Whether a guardian takes everything down when this process dies, also by kill -9; else the parts go on serving. */
  readonly isEphemeral: boolean
  /** Where secrets are read from. @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Control time, by which the autoscaler decides, runs so many times as fast; a notice says so. @default 1 */
  readonly timeScale?: number
  readonly clock?: Clock
}

/** A system that runs, or is about to. */
export interface System extends Component {
  /**
   * Resolves when every part is ready. Rejects with the first part's error, after everything has been stopped again.
   *
   * @throws TF_ALREADY_RUNNING, TF_STATE_UNUSABLE, TF_PORT_TAKEN, TF_SERVICE_NOT_READY, … as the parts do
   */
  start(signal?: AbortSignal): Promise<void>
  /** As of any component; a later call with a shorter deadline hastens the first. */
  stop(deadlineMs?: number): Promise<void>
  readonly snapshots: SnapshotStore
  readonly frames: FrameStore
  /** Known once started. */
  stateDirectory(): string
  /**
   * Takes every save of the sources and the blueprint over, until the signal; for development.
   *
   * @throws TF_WATCH_FAILED, TF_NOT_RUNNING before the start
   */
  watch(onOutcome: (outcome: WatchOutcome) => void, signal: AbortSignal): Promise<void>
  /** Aborted when a client of the control socket asked the system to stop: whoever started it calls `stop`. */
  readonly stopRequested: AbortSignal
}

/**
 * Makes a system from a blueprint: blueprint in, running system out. It is the one place where the parts, which know
 * nothing of each other, are put together (`system-parts.ts`).
 *
 * Order of the start: state and its lock, what an earlier run left is ended, control socket; then databases, gateway
 * and release side by side; then services. The end is the other way round, requests first, so that none meets a
 * part that has left.
 */
export function createSystem(options: SystemOptions): System {
  return new BlueprintSystem(options)
}

class BlueprintSystem implements System {
  readonly snapshots: SnapshotStore
  readonly frames: FrameStore
  readonly #options: SystemOptions
  readonly #clock: Clock
  readonly #run = uniqueId()
  readonly #stopRequest = new AbortController()
  readonly #stopping = new AbortController()
  /** Somebody wants an end; a start that fails ends without anybody's wish. */
  readonly #endWanted = new AbortController()
  /** What runs now, after edits too. */
  readonly #running: { blueprint: ResolvedBlueprint }
  #state: StateDirectory | undefined
  #parts: SystemParts | undefined
  #starting: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #hasEnded = false

  constructor(options: SystemOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    const { blueprint, gateway = blueprint.gateway } = options
    this.#running = { blueprint: { ...blueprint, gateway } }
    this.snapshots = createSnapshotStore(
      initialSnapshot(options.blueprint, {
        id: this.#run,
        pid: process.pid,
        startedEpochMs: this.#clock.epochMs(),
        timeScale: options.timeScale ?? 1,
      }),
    )
    this.frames = createFrameStore({ clock: this.#clock })
  }

  get stopRequested(): AbortSignal {
    return this.#stopRequest.signal
  }

  stateDirectory(): string {
    if (this.#state === undefined) throw new TenfoldError('TF_NOT_RUNNING', 'expected the system to have been started')
    return this.#state.directory
  }

  async watch(onOutcome: (outcome: WatchOutcome) => void, signal: AbortSignal): Promise<void> {
    if (this.#parts === undefined) throw new TenfoldError('TF_NOT_RUNNING', 'expected the system to have been started')
    await watchSystem(
      {
        applier: this.#parts.applier(),
        blueprint: () => this.#running.blueprint,
        directory: await packageRootOf(this.#running.blueprint.directory),
        clock: this.#clock,
        onOutcome,
        onProblem: (message) => this.#notice({ level: 'warning', message }),
      },
      signal,
    )
  }

  async start(signal?: AbortSignal): Promise<void> {
    const signals = [this.#stopping.signal, ...(signal === undefined ? [] : [signal])]
    const wishes = [this.#endWanted.signal, this.#stopRequest.signal, ...(signal === undefined ? [] : [signal])]
    this.#starting ??= this.#start(AbortSignal.any(signals), AbortSignal.any(wishes))
    try {
      await this.#starting
    } catch (error) {
      await this.#end(STOP_DEADLINE_MS_DEFAULT)
      throw error
    }
  }

  stop(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    // What a failed start has let go is not ours any more.
    if (this.#hasEnded) return this.#stopped ?? Promise.resolve()
    this.#endWanted.abort()
    return this.#end(deadlineMs)
  }

  #end(deadlineMs: number): Promise<void> {
    const isFirst = this.#stopped === undefined
    this.#stopped ??= this.#stop(deadlineMs)
    // The parts stop one after the other; who has less patience than whoever stopped first ends what they wait for.
    const hastened = isFirst ? undefined : this.#parts?.hasten(deadlineMs)
    return Promise.all([this.#stopped, hastened]).then(() => undefined)
  }

  async #start(signal: AbortSignal, endWanted: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    const { blueprint, isEphemeral } = this.#options
    requireOpenFiles()
    this.#sayTimeScale()
    const user = findChildUser()
    this.#state = await openStateDirectory({ blueprint, user, clock: this.#clock })
    const state = this.#state
    if (state.outside !== undefined) {
      this.#notice({ level: 'info', message: `data is in ${state.outside.path}: ${state.outside.reason}` })
    }
    // With a guardian nothing outlives us, so nothing of others is mixed into what it guards.
    const isSpared = isEphemeral ? () => false : isAdoptable
    const reaped = await reapLeftovers(state.processesFile, { clock: this.#clock, isSpared })
    if (reaped.length > 0) {
      this.#notice({ level: 'info', message: `ended ${reaped.length} processes that an earlier run had left` })
    }
    // Not cut short here: whoever stops now has to find what was spared, to stop it as well.
    const subprocesses = await createSubprocesses({
      recordFile: state.processesFile,
      runToken: `tenfold-${this.#run}`,
      isEphemeral,
      clock: this.#clock,
    })
    const running = this.#running
    let isStarting = true
    const { environment = process.env } = this.#options
    this.#parts = createSystemParts({
      get blueprint() {
        return running.blueprint
      },
      replaceBlueprint: (next) => (running.blueprint = next),
      inspected: this.#options.inspect,
      isGatewayGiven: this.#options.gateway !== undefined,
      state,
      user,
      subprocesses,
      clock: this.#clock,
      timeScale: this.#options.timeScale ?? 1,
      environment,
      secrets: createSecrets(environment, () => running.blueprint.secretsFile),
      snapshots: this.snapshots,
      frames: this.frames,
      change: (change) => this.#change(change),
      notice: (notice) => this.#notice(notice),
      requestStop: () => this.#stopRequest.abort(),
      startFailed: () => {
        if (isStarting) subprocesses.letGo(endWanted)
      },
    })
    try {
      await this.#parts.openControl(signal)
      await state.recordRun({ run: this.#run, startedEpochMs: this.snapshots.current().startedEpochMs })
      await this.#parts.start(signal)
      isStarting = false
    } catch (error) {
      subprocesses.letGo(endWanted)
      throw error
    }
    this.snapshots.update((snapshot) => ({ ...snapshot, phase: runningPhase({ ...snapshot, phase: 'running' }) }))
  }

  #sayTimeScale(): void {
    const { timeScale = 1 } = this.#options
    if (timeScale === 1) return
    const message = `control time runs ${timeScale} times as fast: what the autoscaler does in a minute takes ${formatDuration(60_000 / timeScale)}`
    this.#notice({ level: 'info', message })
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    this.snapshots.update((snapshot) => ({ ...snapshot, phase: 'stopping' }))
    // A start under way ends by the signal; its error has gone to whoever started.
    await this.#starting?.catch(() => undefined)
    try {
      await this.#parts?.stop(deadlineMs)
    } finally {
      this.snapshots.update((snapshot) => ({ ...snapshot, phase: 'stopped' }))
      this.snapshots.close()
      this.frames.close()
      await this.#parts?.closeControl()
      await this.#state?.close()
      this.#hasEnded = true
    }
  }

  /** A part has changed: the whole may be well or not any more. */
  #change(change: (snapshot: SystemSnapshot) => SystemSnapshot): void {
    this.snapshots.update((before) => {
      const after = change(before)
      const isUp = after.phase === 'running' || after.phase === 'degraded'
      return isUp ? { ...after, phase: runningPhase(after) } : after
    })
  }

  #notice(notice: Omit<Notice, 'atEpochMs'>): void {
    const before = this.snapshots.current().notices
    const notices = keepNotice(before, { atEpochMs: this.#clock.epochMs(), ...notice })
    if (notices !== before) this.snapshots.update((snapshot) => ({ ...snapshot, notices }))
  }
}

function throwIfAborted(signal: AbortSignal): void {
  if (!signal.aborted) return
  throw new TenfoldError('TF_ABORTED', 'expected the system to start, but it was stopped', {
    cause: messageOf(signal.reason),
  })
}
