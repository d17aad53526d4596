import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError, hasCode, messageOf } from '../core/errors.ts'
import type { LineageKeys } from './lineage.ts'
import type { BackupRepository } from './repository.ts'
import type { SpoolSize } from './spool.ts'
import { archiveFile, listSpool, measureSpool } from './spool.ts'
import type { DroppedLog, SpoolGuard } from './spool-guard.ts'
import { createSpoolGuard, isDropped } from './spool-guard.ts'
import { parseSegmentName } from './wal-names.ts'

/** Empties the spool of a cluster into a repository. */
export interface Archiver extends Component {
  /** What the repository got last; undefined before the first. */
  readonly last: { readonly name: string; readonly epochMs: number } | undefined
  /** Why nothing is taken now; undefined when all is well. */
  readonly problem: string | undefined
  /** What waits, at the last look: undefined when nothing did, or it was taken. */
  readonly spool: SpoolSize | undefined
  /** What did not fit into the spool any more, and no backup has made good for. */
  readonly dropped: DroppedLog | undefined
  /** A backup that begins with this segment does not need what was dropped before it. */
  madeGood(segment: string): Promise<void>
  /**
   * Resolves when a segment, or a later one of its timeline, has been taken.
   *
   * @param from where what has to be there begins, where that is an earlier segment
   * @throws TF_ABORTED
   * @throws TF_BACKUP_INCOMPLETE when something of it was dropped
   */
  untilArchived(name: string, signal?: AbortSignal, from?: string): Promise<void>
}

/** @see createArchiver */
export interface ArchiverOptions {
  /** Where the server puts files; read, and emptied, by us. */
  readonly spool: string
  readonly repository: BackupRepository
  readonly keys: LineageKeys
  readonly clock: Clock
  /** How much may wait. @default as of `SpoolGuardOptions` */
  readonly spoolMaxBytes?: number | undefined
  /** Called after each file, and when `problem` or `dropped` changes; must not throw. */
  readonly onChange?: () => void
  readonly onArchived?: (name: string) => void
}

const POLL_MS = 250
const RETRY_MS_MAX = 10_000

/**
 * Takes what the server has finished out of its spool: one file after the other, each durable in the repository before
 * it leaves the spool. When the repository can't be written it tries again, with growing pauses of up to 10 s, and the
 * spool grows; when it reaches its bound, the oldest files are dropped, and `dropped` says so.
 */
export function createArchiver(options: ArchiverOptions): Archiver {
  return new SpoolArchiver(options)
}

interface Waiter {
  readonly name: string
  readonly resolve: () => void
}

class SpoolArchiver implements Archiver {
  readonly #options: ArchiverOptions
  readonly #guard: SpoolGuard
  readonly #waiters = new Set<Waiter>()
  #last: Archiver['last']
  #problem: string | undefined
  #spool: SpoolSize | undefined
  #failures = 0
  #cancel: Cancel | undefined
  #round: Promise<void> | undefined
  #isRunning = false

  constructor(options: ArchiverOptions) {
    this.#options = options
    const { spool, clock, spoolMaxBytes, onChange = () => undefined } = options
    this.#guard = createSpoolGuard({ spool, clock, maxBytes: spoolMaxBytes, onChange })
  }

  get last(): Archiver['last'] {
    return this.#last
  }

  get problem(): string | undefined {
    return this.#problem
  }

  get spool(): SpoolSize | undefined {
    return this.#spool
  }

  get dropped(): DroppedLog | undefined {
    return this.#guard.dropped
  }

  madeGood(segment: string): Promise<void> {
    return this.#guard.madeGood(segment)
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#isRunning = true
    await this.#guard.start()
    this.#next(0)
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    this.#cancel?.()
    await Promise.all([this.#guard.stop(), this.#round])
  }

  async untilArchived(name: string, signal?: AbortSignal, from: string = name): Promise<void> {
    await this.#untilTaken(name, signal)
    // Later ones do not make up for it.
    const { dropped } = this.#guard
    if (dropped !== undefined && isDropped(dropped, from, name)) {
      throw new TenfoldError(
        'TF_BACKUP_INCOMPLETE',
        `expected the archive to have ${from} to ${name}, but the spool had no room and ${dropped.first} to ${dropped.last} were dropped`,
        { hint: 'repeat it; see "tenfold status" for why the archive was stuck' },
      )
    }
  }

  async #untilTaken(name: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#last !== undefined && covers(this.#last.name, name)) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter: Waiter = { name, resolve }
    const onAbort = (): void =>
      reject(new TenfoldError('TF_ABORTED', `expected ${name} to be archived, but the wait was cancelled`))
    this.#waiters.add(waiter)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
    try {
      await promise
    } finally {
      this.#waiters.delete(waiter)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #next(delayMs: number): void {
    if (!this.#isRunning) return
    this.#cancel = this.#options.clock.schedule(delayMs, () => {
      this.#round = this.#take().then((nextMs) => this.#next(nextMs))
    })
  }

  /** One look at the spool. @returns when to look again */
  async #take(): Promise<number> {
    const { spool, repository, keys } = this.#options
    try {
      const names = await listSpool(spool)
      if (names.length > 0) this.#spool = await measureSpool(spool, names)
      let conflict: string | undefined
      for (const name of names) {
        if (!this.#isRunning) return 0
        try {
          if (!(await archiveFile(spool, name, repository, keys))) continue
        } catch (error) {
          // One file that can't be taken must not hold up the others.
          if (!hasCode(error, 'TF_ARCHIVE_CONFLICT')) throw error
          conflict = messageOf(error)
          continue
        }
        this.#archived(name)
      }
      this.#failures = 0
      if (conflict === undefined) this.#spool = undefined
      this.#say(conflict)
      return POLL_MS
    } catch (error) {
      this.#failures++
      this.#say(messageOf(error))
      return Math.min(RETRY_MS_MAX, POLL_MS * 2 ** Math.min(this.#failures, 16))
    }
  }

  #archived(name: string): void {
    const { clock, onArchived, onChange } = this.#options
    if (parseSegmentName(name) !== undefined) this.#last = { name, epochMs: clock.epochMs() }
    for (const waiter of this.#waiters) if (covers(name, waiter.name)) waiter.resolve()
    onArchived?.(name)
    onChange?.()
  }

  #say(problem: string | undefined): void {
    if (problem === this.#problem) return
    this.#problem = problem
    this.#options.onChange?.()
  }
}

/** Whether a file that was taken is, or follows in its timeline, the one that is waited for. */
function covers(taken: string, wanted: string): boolean {
  if (taken === wanted) return true
  const [a, b] = [parseSegmentName(taken), parseSegmentName(wanted)]
  return a !== undefined && b !== undefined && a.timeline === b.timeline && a.number >= b.number
}
