import {
  closeSync,
  ftruncateSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'

/** When and how a log is rotated. */
export interface LogRotation {
  /** A file that has grown beyond this is rotated. */
  readonly bytesMax: number
  /** How many old files are kept: `api-1.log.1` is the latest. */
  readonly keep: number
}

export const LOG_ROTATION_DEFAULT: LogRotation = { bytesMax: 10 * 1024 ** 2, keep: 5 }

const CHUNK_BYTES = 1024 * 1024

/**
 * Copies a log to `<file>.1`, after moving the older ones up, and empties it. The writer holds the file open for
 * appending, so it can't be renamed away from it. Synchronous: the shorter the moment between the last byte copied and
 * the cut, the less can be lost in it. Of a file far beyond the bound only the end is copied, so the disk use is bounded.
 *
 * On a full disk the log is emptied all the same.
 *
 * @returns how many bytes were left out
 * @throws what the file system says
 */
export function rotateLog(file: string, { bytesMax, keep }: LogRotation = LOG_ROTATION_DEFAULT): number {
  for (let age = keep; age >= 1; age--) {
    if (age === keep) rmSync(`${file}.${age}`, { force: true })
    else renameIfThere(`${file}.${age}`, `${file}.${age + 1}`)
  }
  const source = openSync(file, 'r+')
  try {
    const target = openSync(`${file}.1`, 'w', 0o600)
    try {
      return copyEnd(source, target, bytesMax)
    } finally {
      closeSync(target)
    }
  } finally {
    ftruncateSync(source)
    closeSync(source)
  }
}

/**
 * Empties a log without keeping anything of it.
 *
 * @returns how many bytes were in it
 * @throws what the file system says
 */
export function emptyLog(file: string): number {
  const { size } = statSync(file)
  truncateSync(file)
  return size
}

function copyEnd(source: number, target: number, bytesMax: number): number {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  const skipped = Math.max(0, fstatSync(source).size - bytesMax)
  let position = skipped
  for (let copied = 0; copied < 2 * bytesMax;) {
    const bytes = readSync(source, buffer, 0, buffer.length, position)
    if (bytes === 0) break
    writeSync(target, buffer, 0, bytes)
    position += bytes
    copied += bytes
  }
  return skipped
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
