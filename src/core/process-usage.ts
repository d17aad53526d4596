import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { ProcessIdentity } from './process-identity.ts'
import { isRunning } from './process-identity.ts'

/** What one process uses. */
export interface ProcessUsage {
  /** In user and system mode together, since its start. */
  readonly cpuSeconds: number
  /** Resident; memory shared with other processes counts in full. */
  readonly memoryBytes: number
}

/** `USER_HZ`, which Linux fixes at 100 for programs on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

/** What exactly this process uses; undefined once it is gone. */
export function processUsage(identity: ProcessIdentity): ProcessUsage | undefined {
  if (!isRunning(identity)) return undefined
  try {
    return process.platform === 'linux' ? usageFromProc(identity.pid) : usageFromPs(identity.pid)
  } catch {
    // It left while we looked.
    return undefined
  }
}

/** Fields 14, 15 and the resident kilobytes of proc(5); `statm` would need the page size, `status` does not. */
function usageFromProc(pid: number): ProcessUsage | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    memoryBytes: Number(resident?.[1] ?? 0) * 1024,
  }
}

/** `time` is `[[dd-]hh:]mm:ss[.ff]`, `rss` kilobytes. */
function usageFromPs(pid: number): ProcessUsage | undefined {
  const text = execFileSync('ps', ['-o', 'time=,rss=', '-p', String(pid)], { encoding: 'utf8' })
  const match = /^\s*(?:(\d+)-)?(?:(\d+):)?(\d+):([\d.]+)\s+(\d+)\s*$/.exec(text)
  if (match === null) return undefined
  const [days, hours, minutes, seconds, kilobytes] = match.slice(1).map((part) => Number(part ?? 0))
  return {
    cpuSeconds: ((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!,
    memoryBytes: kilobytes! * 1024,
  }
}
