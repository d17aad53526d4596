import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A process, told apart from any later one that gets the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in the system's own notation (Linux: clock ticks since boot). */
  readonly startTime: string
}

/** One line of the process table. */
export interface ProcessRow extends ProcessIdentity {
  readonly parentPid: number
  /** Its process group, which is the pid of the group's leader. */
  readonly groupId: number
  /** Ended but not yet reaped: it does nothing any more, yet `kill(pid, 0)` still says it is there. */
  readonly isZombie: boolean
}

/**
 * Who has this pid now; undefined when nobody has it, or only a zombie.
 *
 * @example identifyProcess(process.pid) // { pid: 4711, startTime: '8812345' }
 */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const row = readProcess(pid)
  return row === undefined || row.isZombie ? undefined : { pid: row.pid, startTime: row.startTime }
}

/** Whether exactly this process still runs. A zombie does not, and neither does another process with the same pid. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime
}

/**
 * Sends a signal to exactly this process; does nothing when it is gone.
 *
 * @returns whether the signal was delivered
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false
  try {
    return process.kill(identity.pid, signal)
  } catch {
    // It left between the look and the signal, or it belongs to somebody we may not signal: either way not delivered.
    return false
  }
}

/**
 * The row of one process, zombies included; undefined when there is none. Throws when we can't look (EMFILE): not seen
 * is not gone.
 */
export function readProcess(pid: number): ProcessRow | undefined {
  if (process.platform !== 'linux') return readRowsFromPs(['-p', String(pid)])[0]
  try {
    return parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EMFILE' || code === 'ENFILE') throw error
    return undefined
  }
}

/**
 * A line of `/proc/PID/stat`. The command name comes in parentheses and may itself hold spaces and parentheses, so
 * fields are counted after the last `)`: state, parent, group, and the start time as field 22 of proc(5).
 */
export function parseProcStat(line: string): ProcessRow | undefined {
  const afterName = line.lastIndexOf(')')
  const fields = line.slice(afterName + 2).split(' ')
  const startTime = fields[19]
  if (afterName < 0 || startTime === undefined) return undefined
  return {
    pid: Number.parseInt(line, 10),
    startTime,
    parentPid: Number(fields[1]),
    groupId: Number(fields[2]),
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
  }
}

/** Rows as `ps` of macOS and the BSDs gives them; the start time has a resolution of one second there. */
export function readRowsFromPs(selection: readonly string[]): ProcessRow[] {
  let text: string
  try {
    const columns = 'pid=,ppid=,pgid=,stat=,lstart='
    text = execFileSync('ps', ['-o', columns, ...selection], {
      encoding: 'utf8',
      env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    // ps ends with status 1 when nothing matches.
    return []
  }
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line)
    if (match === null) return []
    const [, pid, parentPid, groupId, state = '', startTime = ''] = match
    return [
      {
        pid: Number(pid),
        startTime,
        parentPid: Number(parentPid),
        groupId: Number(groupId),
        isZombie: state.startsWith('Z'),
      },
    ]
  })
}
