import { readFile, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { syncDirectory, writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError } from '../core/errors.ts'
import { listSpool } from './spool.ts'
import type { Segment } from './wal-names.ts'
import { parseSegmentName, SEGMENT_BYTES } from './wal-names.ts'

/** Log that was dropped from a spool, and that no backup has made good for. */
export interface DroppedLog {
  readonly files: number
  readonly first: string
  readonly last: string
  /** When the last one was dropped. */
  readonly epochMs: number
}

/** Holds a spool to a bound, so that an archive that is stuck does not fill the disk of the database. */
export interface SpoolGuard extends Component {
  readonly dropped: DroppedLog | undefined
  /** A backup that begins with this segment does not need what was dropped before it. */
  madeGood(segment: string): Promise<void>
}

/** @see createSpoolGuard */
export interface SpoolGuardOptions {
  readonly spool: string
  readonly clock: Clock
  /** @default half of what it takes and is free on its disk, but not less than 1 GiB */
  readonly maxBytes?: number | undefined
  /** Called when `dropped` changes; must not throw. */
  readonly onChange: () => void
}

const LOOK_MS = 1_000
const SEGMENT = Number(SEGMENT_BYTES)
/** When its disk is full because of others, the little that waits must not go for that. */
const MAX_BYTES_MIN = 1024 ** 3
const PART_MAX = 0.5
/** Beside the files: what was dropped is still known after a restart, and while nobody can look into the repository. */
const MARK = 'dropped.json'

/** Looks every second. What it drops is written down before. */
export function createSpoolGuard(options: SpoolGuardOptions): SpoolGuard {
  return new RunningGuard(options)
}

/**
 * Which files have to go so that a spool keeps within its bound: the oldest, as few as will do. Histories stay: they are
 * small, and tell what the rest is. Pure.
 */
export function planDrop(names: readonly string[], freeBytes: number, maxBytes?: number): readonly string[] {
  const segments = names.filter(
    (name) => parseSegmentName(name.slice(0, 24)) !== undefined && !name.endsWith('.backup'),
  )
  const room = segments.length * SEGMENT + freeBytes
  const most = Math.floor((maxBytes ?? Math.max(MAX_BYTES_MIN, room * PART_MAX)) / SEGMENT)
  return segments.slice(0, Math.max(0, segments.length - most))
}

/** Whether something from one segment to another was dropped. */
export function isDropped(dropped: DroppedLog | undefined, from: string, to: string): boolean {
  return dropped !== undefined && !isAfter(from, dropped.last) && placeOf(dropped.first).number <= placeOf(to).number
}

const markSchema: z.ZodType<DroppedLog> = z.object({
  files: z.number(),
  first: z.string().regex(/^[0-9A-F]{24}/),
  last: z.string().regex(/^[0-9A-F]{24}/),
  epochMs: z.number(),
})

async function readMark(file: string): Promise<DroppedLog | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return markSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new TenfoldError('TF_STATE_UNUSABLE', `expected ${file} to say which log was dropped, got something else`, {
      hint: 'remove it, and take a backup: tenfold backup',
      cause,
    })
  }
}

class RunningGuard implements SpoolGuard {
  readonly #options: SpoolGuardOptions
  readonly #mark: string
  #dropped: DroppedLog | undefined
  #isRunning = false
  #cancel: Cancel | undefined
  #look: Promise<void> | undefined

  constructor(options: SpoolGuardOptions) {
    this.#options = options
    this.#mark = join(options.spool, MARK)
  }

  get dropped(): DroppedLog | undefined {
    return this.#dropped
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#isRunning = true
    this.#dropped = await readMark(this.#mark)
    this.#next()
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    this.#cancel?.()
    await this.#look
  }

  async madeGood(segment: string): Promise<void> {
    if (this.#dropped === undefined || !isAfter(segment, this.#dropped.last)) return
    this.#dropped = undefined
    await rm(this.#mark, { force: true })
    this.#options.onChange()
  }

  #next(): void {
    if (!this.#isRunning) return
    this.#cancel = this.#options.clock.schedule(LOOK_MS, () => {
      // What can't be looked at or removed now is looked at again in a second.
      this.#look = this.#lookOnce()
        .catch(() => undefined)
        .finally(() => this.#next())
    })
  }

  async #lookOnce(): Promise<void> {
    const { spool, maxBytes } = this.#options
    const names = await listSpool(spool)
    if (names.length * SEGMENT <= (maxBytes ?? MAX_BYTES_MIN)) return
    const { bavail, bsize } = await statfs(spool)
    const leaving = planDrop(names, bavail * bsize, maxBytes)
    if (leaving.length > 0) await this.#drop(leaving)
  }

  async #drop(names: readonly string[]): Promise<void> {
    const { spool, clock, onChange } = this.#options
    const earlier = this.#dropped
    const dropped = {
      files: (earlier?.files ?? 0) + names.length,
      first: earlier?.first ?? names[0]!,
      last: names.at(-1)!,
      epochMs: clock.epochMs(),
    }
    this.#dropped = dropped
    onChange()
    const mark = (): Promise<void> => writeFileDurably(this.#mark, JSON.stringify(dropped))
    // Where not even this has room, it has afterwards.
    const isMarked = await mark().then(
      () => true,
      () => false,
    )
    for (const name of names) await rm(join(spool, name), { force: true })
    if (!isMarked) await mark()
    await syncDirectory(spool)
  }
}

/** On a newer timeline, too: a restore goes back, and what was dropped is of the history that it has left. */
function isAfter(segment: string, dropped: string): boolean {
  const [a, b] = [placeOf(segment), placeOf(dropped)]
  return a.timeline > b.timeline || a.number > b.number
}

function placeOf(name: string): Segment {
  return parseSegmentName(name.slice(0, 24)) ?? { timeline: 0, number: 0n }
}
