import { open } from 'node:fs/promises'
import type { LineFilter } from '../control/log-source.ts'
import { isLineWanted } from '../control/log-source.ts'
import { lastLines } from './last-lines.ts'
import { createLineSplitter } from './line-splitter.ts'
import { timeOfLine } from './line-time.ts'

/** A line of a file with the time it is from, where that is known. */
export interface PastLine {
  readonly line: string
  readonly atEpochMs?: number
}

/** Of a file larger than this only the end is read; logs are rotated long before. */
const BYTES_MAX = 32 * 1024 ** 2
/** Read and looked at in one go: some milliseconds. */
const CHUNK_BYTES = 256 * 1024

/**
 * The last lines of a file that a filter wants, oldest first; nothing if there is no such file. A line that does not say
 * when it was written is from the time of the one before it, like the lines of a stack trace. The lines before the first
 * that says so are taken to be from the last moment the file was written, which is the latest they can be.
 */
export async function pastLines(file: string, count: number, filter: LineFilter): Promise<readonly PastLine[]> {
  const lines: PastLine[] = []
  let atEpochMs: number | undefined
  const take = (line: string, latestEpochMs: number): void => {
    atEpochMs = timeOfLine(line) ?? atEpochMs
    if (!isLineWanted(line, atEpochMs ?? latestEpochMs, filter)) return
    lines.push({ line, ...(atEpochMs === undefined ? {} : { atEpochMs }) })
    if (lines.length > 2 * count) lines.splice(0, lines.length - count)
  }
  if (!isFilter(filter)) {
    for (const line of await lastLines(file, count)) take(line, 0)
  } else if (count > 0) await eachLine(file, filter.sinceEpochMs ?? 0, take)
  return lines.slice(-count)
}

function isFilter({ sinceEpochMs, contains = [], containsAny }: LineFilter): boolean {
  return sinceEpochMs !== undefined || contains.length > 0 || containsAny !== undefined
}

/** Calls `take` with each line of a file that was written since then, and the time when it was written last. */
async function eachLine(
  file: string,
  sinceEpochMs: number,
  take: (line: string, modifiedEpochMs: number) => void,
): Promise<void> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (handle === undefined) return
  try {
    const { size, mtimeMs } = await handle.stat()
    if (mtimeMs < sinceEpochMs) return
    const splitter = createLineSplitter()
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let position = Math.max(0, size - BYTES_MAX); position < size;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - position), position)
      if (bytesRead === 0) break
      position += bytesRead
      for (const line of splitter.push(buffer.subarray(0, bytesRead))) take(line, mtimeMs)
    }
    for (const line of splitter.flush()) take(line, mtimeMs)
  } finally {
    await handle.close()
  }
}
