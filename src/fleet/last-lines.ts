import { open } from 'node:fs/promises'

/** Lines longer than this are cut, and say so. */
export const LINE_BYTES_MAX: number = 16 * 1024

const CHUNK_BYTES = 64 * 1024

/**
 * The last lines of a file, oldest first; empty if there is no such file. Reads from the end, never the whole file.
 *
 * @param count how many lines at most
 * @param fromByte where to begin at the earliest
 */
export async function lastLines(file: string, count: number, fromByte = 0): Promise<readonly string[]> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (handle === undefined || count <= 0) {
    await handle?.close()
    return []
  }
  try {
    const { size } = await handle.stat()
    // A file that is shorter than before has been rotated: all of it is new.
    const begin = size < fromByte ? 0 : fromByte
    let position = size
    let text = Buffer.alloc(0)
    // One line break more than lines, so that the first line is whole.
    while (position > begin && breaksIn(text) <= count && text.length < count * LINE_BYTES_MAX) {
      const length = Math.min(CHUNK_BYTES, position - begin)
      position -= length
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
      text = Buffer.concat([buffer.subarray(0, bytesRead), text])
    }
    const lines = text.toString('utf8').split('\n')
    if (lines.at(-1) === '') lines.pop()
    return lines.slice(-count).map(cutLine)
  } finally {
    await handle.close()
  }
}

/** A line that is too long, cut and marked. */
export function cutLine(line: string): string {
  if (line.length <= LINE_BYTES_MAX) return line
  return `${line.slice(0, LINE_BYTES_MAX)}… (${line.length - LINE_BYTES_MAX} more)`
}

function breaksIn(text: Buffer): number {
  let breaks = 0
  for (let at = text.indexOf(10); at !== -1; at = text.indexOf(10, at + 1)) breaks++
  return breaks
}
