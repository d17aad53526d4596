import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What a running server writes into `postmaster.pid`. */
export interface PostmasterFile {
  readonly pid: number
  /** As `--data-directory` was given. */
  readonly dataDirectory: string
  readonly port: number | undefined
  /** Last line, written when it changes. */
  readonly status: 'starting' | 'ready' | 'standby' | 'stopping' | undefined
}

/** Path of the file in a data directory. */
export function postmasterFileOf(dataDirectory: string): string {
  return join(dataDirectory, 'postmaster.pid')
}

/** Reads `postmaster.pid`; undefined when it is absent or half written. */
export async function readPostmasterFile(dataDirectory: string): Promise<PostmasterFile | undefined> {
  try {
    return parsePostmasterFile(await readFile(postmasterFileOf(dataDirectory), 'utf8'))
  } catch {
    // Absent: nobody runs here.
    return undefined
  }
}

/** The lines are: pid, data directory, start time, port, socket directory, listen address, shared memory, status. */
export function parsePostmasterFile(text: string): PostmasterFile | undefined {
  const [pidLine = '', dataDirectory = '', , portLine = '', , , , statusLine = ''] = text.split('\n')
  // A standalone back end writes its pid negative.
  const pid = Math.abs(Number.parseInt(pidLine, 10))
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const port = Number.parseInt(portLine, 10)
  const status = statusLine.trim()
  return {
    pid,
    dataDirectory,
    port: Number.isInteger(port) ? port : undefined,
    status:
      status === 'starting' || status === 'ready' || status === 'standby' || status === 'stopping' ? status : undefined,
  }
}
