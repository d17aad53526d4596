import { access, constants, statfs } from 'node:fs/promises'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { formatSize } from '../core/size.ts'
import type { Notice } from './snapshot.ts'
import { hasErrno } from './system-errors.ts'

/** What is true of the file system that holds the state. */
export type StateCondition = 'fine' | 'low' | 'full' | 'read-only' | 'gone'

/** What a look at it gave. */
export type StateRoom = { readonly freeBytes: number; readonly totalBytes: number } | 'read-only' | 'gone'

/** @see createStateWatch */
export interface StateWatchOptions {
  readonly directory: string
  readonly clock: Clock
  /** Gets what a person should know, once for each change for the worse or the better. */
  readonly onNotice: (notice: Omit<Notice, 'atEpochMs'>) => void
  /** @default asks the file system, and tries whether it can be written */
  readonly look?: (directory: string) => Promise<StateRoom>
}

const LOOK_INTERVAL_MS = 5_000
const LOW_BYTES = 256 * 1024 ** 2
const FULL_BYTES = 8 * 1024 ** 2

/**
 * Looks every five seconds whether the state can still be written, and says it when that changes: a disk that fills up
 * is named before the first write fails, and again when there is room.
 */
export function createStateWatch(options: StateWatchOptions): Component {
  const { directory, clock, onNotice, look = lookAt } = options
  let condition: StateCondition = 'fine'
  let cancel: Cancel | undefined
  let looking: Promise<void> | undefined

  async function lookOnce(): Promise<void> {
    const room = await look(directory)
    const now = judgeRoom(condition, room)
    if (now !== condition && cancel !== undefined) onNotice(noticeOf(directory, now))
    condition = now
  }

  function lookAgain(): Promise<void> {
    // A file system that hangs makes looks rarer, not more at once; one that can't be asked is not judged.
    looking ??= lookOnce()
      .catch(() => undefined)
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  return {
    async start() {
      cancel ??= clock.every(LOOK_INTERVAL_MS, () => void lookAgain(), { unref: true })
      void lookAgain()
    },
    async stop() {
      cancel?.()
      cancel = undefined
      await looking
    },
  }
}

/**
 * The condition that follows from a look. Low is below 256 MiB or 5 % of the file system, whichever is less; full below
 * 8 MiB or 1 %. It gets better only when there is twice as much, so that a disk at the edge is not a storm of notices.
 */
export function judgeRoom(before: StateCondition, room: StateRoom): StateCondition {
  if (typeof room === 'string') return room
  const { freeBytes, totalBytes } = room
  const isBelow = (bytes: number, share: number, condition: StateCondition): boolean => {
    const limit = Math.min(bytes, totalBytes * share)
    return freeBytes < (RANK[before] >= RANK[condition] && RANK[before] < 3 ? 2 * limit : limit)
  }
  if (isBelow(FULL_BYTES, 0.01, 'full')) return 'full'
  return isBelow(LOW_BYTES, 0.05, 'low') ? 'low' : 'fine'
}

const RANK: Readonly<Record<StateCondition, number>> = { fine: 0, low: 1, full: 2, 'read-only': 3, gone: 3 }

function noticeOf(directory: string, condition: StateCondition): Omit<Notice, 'atEpochMs'> {
  const about = 'state-room'
  const goesOn = 'what runs goes on, but nothing can be started or changed until then'
  if (condition === 'low') {
    const hint = `make room: below ${formatSize(FULL_BYTES)} nothing can be started or changed`
    return { about, level: 'warning', message: `the disk of ${directory} is nearly full`, hint }
  }
  if (condition === 'full') {
    return { about, level: 'error', message: `the disk of ${directory} is full`, hint: `make room; ${goesOn}` }
  }
  if (condition === 'read-only') {
    const message = `the file system of ${directory} can't be written any more`
    return { about, level: 'error', message, hint: `look at "dmesg" and mount it writable; ${goesOn}` }
  }
  if (condition === 'gone') {
    const message = `the state directory ${directory} is gone`
    const hint = `bring it back; without it "tenfold down" finds nothing, but "kill ${process.pid}" stops everything`
    return { about, level: 'error', message, hint }
  }
  return { about, level: 'info', message: `the disk of ${directory} has room again` }
}

async function lookAt(directory: string): Promise<StateRoom> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory)
    await access(directory, constants.W_OK)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch (error) {
    if (hasErrno(error, 'EROFS')) return 'read-only'
    if (hasErrno(error, 'ENOENT', 'ENOTCONN', 'ESTALE', 'EIO', 'ENODEV')) return 'gone'
    throw error
  }
}
