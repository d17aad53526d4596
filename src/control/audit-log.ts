import { open, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../core/durable-file.ts'
import { stateError } from './state-error.ts'
import { hasErrno } from './system-errors.ts'

/** The durable record of what was asked of a system and what came of it: a JSON object a line. */
export interface AuditLog {
  /**
   * Appends one line; it is on the disk when this resolves. Lines are in the order of the calls.
   *
   * @throws TF_STATE_UNUSABLE when it can't be written: a full disk, say
   */
  append(entry: Readonly<Record<string, unknown>>): Promise<void>
}

/** @see createAuditLog */
export interface AuditLogOptions {
  readonly file: string
  /** Size at which the file is put aside as `<file>.1`. @default 8 MiB */
  readonly rotateBytes?: number
  /** How many files that were put aside are kept. @default 4 */
  readonly keepFiles?: number
}

/** An audit log in a file, readable by its owner alone, that goes on where the last run ended. */
export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { file, rotateBytes = 8 * 1024 ** 2, keepFiles = 4 } = options
  /** Appends follow each other, so that no line is torn and none is written to a file that is being put aside. */
  let last: Promise<unknown> = Promise.resolve()
  return {
    append(entry) {
      const line = `${JSON.stringify(entry)}\n`
      const written = last.then(() => appendLine(file, line, { rotateBytes, keepFiles }))
      last = written.catch(() => undefined)
      return written
    },
  }
}

async function appendLine(
  file: string,
  line: string,
  rotation: { rotateBytes: number; keepFiles: number },
): Promise<void> {
  try {
    let size = await sizeOf(file)
    if (size > 0 && size + line.length > rotation.rotateBytes) {
      await putAside(file, rotation.keepFiles)
      size = 0
    }
    const handle = await open(file, 'a+', 0o600)
    try {
      // A power cut may have left half a line; it must not swallow this one.
      const prefix = (await endsInLine(handle)) ? '' : '\n'
      await handle.appendFile(prefix + line)
      await handle.datasync()
    } catch (error) {
      // On a full disk half of it may be there; a line that was refused must not be found later.
      await handle.truncate(size).catch(() => undefined)
      throw error
    } finally {
      await handle.close()
    }
    if (size === 0) await syncDirectory(dirname(file))
  } catch (error) {
    throw stateError(dirname(file), error)
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return 0
    throw error
  }
}

async function endsInLine(handle: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const { size } = await handle.stat()
  if (size === 0) return true
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] === 0x0a
}

async function putAside(file: string, keepFiles: number): Promise<void> {
  for (let number = keepFiles; number >= 1; number--) {
    const from = number === 1 ? file : `${file}.${number - 1}`
    try {
      await rename(from, `${file}.${number}`)
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error
    }
  }
}
