import { open, stat } from 'node:fs/promises'
import { createLineSplitter } from './line-splitter.ts'
import type { LogRotation } from './rotate-log.ts'
import { rotateLog } from './rotate-log.ts'

/** One log file, read as it grows. */
export interface FollowedLog {
  /**
   * The lines that have come since the last look, at most `linesMax`; how many more there were is said in one more line.
   * A line without its end is given once five looks have found no more of it. Rotates the file if it is too big.
   */
  look(linesMax: number): Promise<readonly string[]>
  /** A line without its end, if there is one. */
  flush(): readonly string[]
}

const IDLE_LOOKS = 5
const CHUNK_BYTES = 256 * 1024
/** Of more than this in one look only the end is read: nobody could follow it. */
const BACKLOG_BYTES_MAX = 32 * 1024 ** 2

/** @param fromByte where to begin; a file that has become shorter since is read from its start */
export function followLog(path: string, fromByte: number, rotation: LogRotation): FollowedLog {
  const splitter = createLineSplitter()
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let position = fromByte
  let idleLooks = 0

  /** Calls `take` with each piece from the position to the end of the file. */
  async function read(take: (piece: Uint8Array) => void): Promise<number> {
    const handle = await open(path, 'r')
    let skipped = 0
    try {
      const { size } = await handle.stat()
      if (size < position) position = 0
      skipped = Math.max(0, size - position - BACKLOG_BYTES_MAX)
      position += skipped
      while (position < size) {
        const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - position), position)
        if (bytesRead === 0) break
        position += bytesRead
        take(buffer.subarray(0, bytesRead))
      }
    } finally {
      await handle.close()
    }
    return skipped
  }

  return {
    async look(linesMax) {
      const { size } = await stat(path)
      if (size === position) return ++idleLooks === IDLE_LOOKS ? splitter.flush() : []
      idleLooks = 0
      const lines: string[] = []
      let dropped = 0
      const skipped = await read((piece) => {
        for (const line of splitter.push(piece)) {
          if (lines.length < linesMax) lines.push(line)
          else dropped++
        }
      })
      if (dropped > 0) lines.push(`… ${dropped} lines dropped`)
      if (skipped > 0) lines.push(`… ${skipped} bytes dropped`)
      if (position > rotation.bytesMax) {
        rotateLog(path, rotation)
        position = 0
      }
      return lines
    },
    flush: () => splitter.flush(),
  }
}
