import { open, stat } from 'node:fs/promises'
import { createLineSplitter } from './line-splitter.ts'
import type { LogRotation } from './rotate-log.ts'
import { emptyLog, rotateLog } from './rotate-log.ts'

/** One log file, read as it grows. */
export interface FollowedLog {
  /**
   * The lines that have come since the last look, at most `linesMax`; how many more there were is said in one more line.
   * A line without its end is given once five looks have found no more of it. Rotates the file if it is too big; one that
   * is too big again within two seconds is emptied instead, so that a flood takes neither the disk nor our time.
   */
  look(linesMax: number): Promise<readonly string[]>
  /** Bytes that were neither passed on nor kept so far: the program printed faster than anybody reads. */
  readonly bytesLost: number
  /** A line without its end, if there is one. */
  flush(): readonly string[]
}

const IDLE_LOOKS = 5
const CHUNK_BYTES = 64 * 1024
/** Of more than this in one look only the beginning is read: nobody could follow it, and reading takes our time. */
const BYTES_PER_LOOK_MAX = 1024 ** 2
/** Looks between two rotations; what is printed faster than 10 MiB in 2 s is not kept whole. */
const ROTATION_LOOKS_MIN = 10

/** @param fromByte where to begin; a file that has become shorter since is read from its start */
export function followLog(path: string, fromByte: number, rotation: LogRotation): FollowedLog {
  const splitter = createLineSplitter()
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let position = fromByte
  let idleLooks = 0
  let looksSinceRotation = ROTATION_LOOKS_MIN
  let bytesLost = 0

  /** Calls `take` with each piece from the position on; gives how much of the rest it has left out. */
  async function read(take: (piece: Uint8Array) => void): Promise<number> {
    const handle = await open(path, 'r')
    try {
      const { size } = await handle.stat()
      if (size < position) position = 0
      const end = Math.min(size, position + BYTES_PER_LOOK_MAX)
      while (position < end) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - position), position)
        if (bytesRead === 0) break
        position += bytesRead
        take(buffer.subarray(0, bytesRead))
      }
      // Read meanwhile, printed meanwhile: a program that is faster than we are is not chased.
      const skipped = (await handle.stat()).size - position
      if (skipped <= BYTES_PER_LOOK_MAX) return 0
      position += skipped
      return skipped
    } finally {
      await handle.close()
    }
  }

  function keepSmall(): void {
    if (position <= rotation.bytesMax) return
    if (looksSinceRotation >= ROTATION_LOOKS_MIN) {
      looksSinceRotation = 0
      bytesLost += rotateLog(path, rotation)
    } else bytesLost += emptyLog(path)
    position = 0
  }

  return {
    async look(linesMax) {
      const { size } = await stat(path)
      looksSinceRotation++
      if (size === position) return ++idleLooks === IDLE_LOOKS ? splitter.flush() : []
      idleLooks = 0
      const lines: string[] = []
      let dropped = 0
      const skipped = await read((piece) => {
        if (lines.length >= linesMax) {
          dropped += splitter.skip(piece)
          return
        }
        const more = splitter.push(piece)
        const wanted = more.slice(0, linesMax - lines.length)
        lines.push(...wanted)
        dropped += more.length - wanted.length
      })
      if (dropped > 0) lines.push(`… ${dropped} lines dropped`)
      if (skipped > 0) lines.push(`… ${skipped} bytes dropped`)
      keepSmall()
      return lines
    },
    get bytesLost() {
      return bytesLost
    },
    flush: () => splitter.flush(),
  }
}
