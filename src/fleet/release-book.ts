import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { writeFileDurably } from '../core/durable-file.ts'
import { messageOf } from '../core/errors.ts'
import type { ReleaseHistory } from './release-history.ts'

/** Keeps the releases of a system's services over restarts. */
export interface ReleaseBook {
  readonly history: ReleaseHistory
  /** Changes the history; on the disk when it resolves. A disk that can't be written is said, and stops nothing. */
  update(change: (history: ReleaseHistory) => ReleaseHistory): Promise<void>
}

/** @see openReleaseBook */
export interface ReleaseBookOptions {
  readonly file: string
  /** Gets the history when it is read, and after each change. */
  readonly onChange: (history: ReleaseHistory) => void
  /** Gets what a person should know: the file can't be read, or not written. */
  readonly onProblem: (message: string) => void
}

const bookSchema = z.object({
  layout: z.literal(1),
  services: z.record(
    z.string(),
    z.array(
      z.object({
        release: z.string().regex(/^[0-9a-f]{8,64}$/),
        atEpochMs: z.number(),
        by: z.enum(['up', 'apply', 'release', 'rollback']),
        state: z.enum(['under-way', 'released', 'rolled-back', 'interrupted']),
        reason: z.string().optional(),
      }),
    ),
  ),
})

/** Reads the history in a file; one that can't be read is begun anew, and said. */
export async function openReleaseBook({ file, onChange, onProblem }: ReleaseBookOptions): Promise<ReleaseBook> {
  let history = await read(file, onProblem)
  let last: Promise<void> = Promise.resolve()
  onChange(history)
  return {
    get history() {
      return history
    },
    update(change) {
      history = change(history)
      onChange(history)
      const text = `${JSON.stringify({ layout: 1, services: history }, undefined, 1)}\n`
      last = last
        .then(() => writeFileDurably(file, text))
        .catch((error: unknown) => onProblem(`the history of releases could not be written: ${messageOf(error)}`))
      return last
    },
  }
}

async function read(file: string, onProblem: (message: string) => void): Promise<ReleaseHistory> {
  try {
    return bookSchema.parse(JSON.parse(await readFile(file, 'utf8'))).services as ReleaseHistory
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isMissing) onProblem(`the history of releases in ${file} could not be read, and begins anew`)
    return {}
  }
}
