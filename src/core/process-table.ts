import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessRow } from './process-identity.ts'
import { readProcess, readRowsFromPs } from './process-identity.ts'

/** Marks every process of a run; inherited by whatever the children start. */
export const RUN_VARIABLE = 'TENFOLD_RUN'

/** Marks one child of a run and all that it starts. */
export const CHILD_VARIABLE = 'TENFOLD_CHILD'

/** Everything that runs on this machine, as far as we may see it; zombies included. Takes a few milliseconds. */
export function readProcessTable(): readonly ProcessRow[] {
  if (process.platform !== 'linux') return readRowsFromPs(['-A'])
  const rows: ProcessRow[] = []
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    const row = readProcess(pid)
    if (row !== undefined) rows.push(row)
  }
  return rows
}

/**
 * A variable of the environment that a process was started with. Undefined when it has none, when we may not look, and
 * on systems without `/proc`; some programs (PostgreSQL among them) write their title over it.
 */
export function environmentOf(pid: number, variable: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const text = `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}`
    const start = text.indexOf(`\0${variable}=`)
    if (start < 0) return undefined
    const valueStart = start + variable.length + 2
    const end = text.indexOf('\0', valueStart)
    return text.slice(valueStart, end < 0 ? undefined : end)
  } catch {
    return undefined
  }
}
