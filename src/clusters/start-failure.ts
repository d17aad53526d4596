import { open, stat } from 'node:fs/promises'
import type { ExitStatus } from '../core/subprocess.ts'
import { TenfoldError } from '../core/errors.ts'

const TAIL_BYTES = 16_384
const TAIL_LINES = 12

/** Where the next line of a log will begin: its size in bytes, 0 when it is not there. */
export async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}

/** The end of a log, from `fromByte` on, in whole lines. */
export async function readLogTail(file: string, fromByte: number): Promise<readonly string[]> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    // A log that was rotated meanwhile is shorter than it was.
    const start = Math.max(size < fromByte ? 0 : fromByte, size - TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.max(0, size - start)), { position: start })
    return buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-TAIL_LINES)
  } finally {
    await handle.close()
  }
}

/** Turns the end of a server program into the error that names the cause and the next step. */
export function explainFailure(
  what: string,
  exit: ExitStatus,
  lines: readonly string[],
  logFile: string,
): TenfoldError {
  const said = lines.join('\n')
  const details = { logFile, exit, log: lines }
  if (/No space left on device|Disk quota exceeded/i.test(said)) {
    return new TenfoldError('TF_DISK_FULL', `expected ${what} to start, but the disk is full:\n${said}`, {
      hint: 'free some space and start again; nothing that was committed is lost',
      details,
    })
  }
  if (/Address already in use|lock file ".*\.s\.PGSQL\.\d+\.lock" already exists/i.test(said)) {
    return new TenfoldError('TF_PORT_TAKEN', `expected ${what} to get its port, but another program has it:\n${said}`, {
      hint: 'stop the other program, or let Tenfold choose the port',
      details,
    })
  }
  const how = exit.signal === undefined ? `exit code ${exit.code}` : `signal ${exit.signal}`
  return new TenfoldError('TF_CLUSTER_START_FAILED', `expected ${what} to run, but it ended with ${how}:\n${said}`, {
    hint: nextStep(said) ?? `read ${logFile}`,
    details,
  })
}

function nextStep(said: string): string | undefined {
  if (/Read-only file system/i.test(said))
    return 'mount the file system of the data writable ("dmesg" may say why it is not)'
  if (/Permission denied|has wrong ownership|invalid permissions/i.test(said)) {
    return 'give the data directory back to the user that runs PostgreSQL, with mode 0700 ("chown -R", "chmod 700")'
  }
  if (/insufficient file descriptors|Too many open files/i.test(said)) return 'raise the limit: ulimit -n 65536'
  return undefined
}
