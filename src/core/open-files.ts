import { readFileSync } from 'node:fs'
import { TenfoldError } from './errors.ts'

/** A system of one service and one database with nothing to do needs some 60 in its largest process. */
export const OPEN_FILES_MIN = 256

/** Files that this process, and so each of its children, may have open at once; undefined where nobody tells. */
export function openFilesMax(): number | undefined {
  try {
    // Node has raised its soft limit to the hard one, and children get what we have.
    return parseOpenFiles(readFileSync('/proc/self/limits', 'utf8'))
  } catch {
    return undefined
  }
}

/** The soft limit in the text of `/proc/<pid>/limits`; undefined when it is not there. */
export function parseOpenFiles(limits: string): number | undefined {
  const count = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  if (count === undefined) return undefined
  return count === 'unlimited' ? Number.POSITIVE_INFINITY : Number(count)
}

/** @throws TF_OPEN_FILES_TOO_FEW when so many are not enough to run a system */
export function requireOpenFiles(max: number | undefined = openFilesMax()): void {
  if (max === undefined || max >= OPEN_FILES_MIN) return
  throw new TenfoldError(
    'TF_OPEN_FILES_TOO_FEW',
    `expected to be allowed at least ${OPEN_FILES_MIN} open files a process, got ${max}`,
    { hint: 'raise the limit: ulimit -n 65536', details: { max } },
  )
}
