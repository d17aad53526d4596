import { readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from './errors.ts'
import type { CpuThrottling } from './resource-limits.ts'

/** The control groups of one child: what holds it to its limits, counts what it uses, and knows all its processes. */
export interface ControlGroup {
  /** What of the limits is enforced, and why the rest is not. */
  readonly state: { readonly enforced: boolean; readonly reason?: string }
  /** Files to which a process writes `0` to enter; we open them, so that the child needs no right of its own. */
  readonly joinFiles: readonly string[]
  /** The directories that were made, for the record. */
  readonly directories: readonly string[]
  /** In user and system mode together, of all processes that ever were inside; undefined when nobody counts. */
  cpuSeconds(): number | undefined
  /** Resident bytes of all processes inside, shared memory once; undefined when nobody counts. */
  memoryBytes(): number | undefined
  /** How often the kernel has killed a process inside because the memory limit was reached. */
  memoryKills(): number
  /** Lifts the CPU limit, or puts it back; nothing where there is none, or where the kernel refuses. */
  limitCpu(isLimited: boolean): void
  /** Lets all others go first where the CPU is short, or not any more; nothing where the kernel refuses. */
  yieldCpu(isYielding: boolean): void
  /** Undefined without a CPU limit. */
  throttling(): CpuThrottling | undefined
}

/** The accounting period. Kubernetes' default: with 10 ms a small share is less than the kernel hands out at once. */
export const CPU_PERIOD_US = 100_000

/** Of those that yield, where the CPU is short: a third of what others get. */
export const YIELDING_SHARE: number = 1 / 3

/** The kernel's least quota. */
const CPU_QUOTA_US_MIN = 1_000

/** Time a child may run in each period. */
export function cpuQuotaUs(cpu: number): number {
  return Math.max(CPU_QUOTA_US_MIN, Math.round(cpu * CPU_PERIOD_US))
}

/** Without limits, or where they can't be enforced. */
export function noControlGroup(reason: string): ControlGroup {
  return {
    state: { enforced: false, reason },
    joinFiles: [],
    directories: [],
    cpuSeconds: () => undefined,
    memoryBytes: () => undefined,
    memoryKills: () => 0,
    limitCpu: () => undefined,
    yieldCpu: () => undefined,
    throttling: () => undefined,
  }
}

/** The processes inside these groups now; of a group that is gone, none. */
export function processesInside(directories: readonly string[]): ReadonlySet<number> {
  const pids = directories.flatMap((directory) => (readGroupFile(directory, 'cgroup.procs') ?? '').split('\n'))
  return new Set(pids.filter((line) => line !== '').map(Number))
}

/**
 * Removes groups whose processes are gone.
 *
 * @returns whether all of them are gone now; one that still holds a process stays
 */
export function removeGroups(directories: readonly string[]): boolean {
  let isGone = true
  for (const directory of directories) {
    try {
      rmdirSync(directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') isGone = false
    }
  }
  return isGone
}

/** The content of a file of the group; undefined when there is none. */
export function readGroupFile(directory: string, file: string): string | undefined {
  try {
    return readFileSync(join(directory, file), 'utf8')
  } catch {
    // The group was removed, or this kernel does not have the file.
    return undefined
  }
}

/** A file of lines `name number`, such as `cpu.stat`. */
export function readGroupTable(directory: string, file: string): ReadonlyMap<string, number> | undefined {
  const text = readGroupFile(directory, file)
  if (text === undefined) return undefined
  const lines = text.split('\n').map((line) => line.split(' '))
  return new Map(lines.filter((parts) => parts.length === 2).map(([name, number]) => [name as string, Number(number)]))
}

/** Why no group could be made in a place: the same words for every child. */
export function whyNoGroup(parent: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  const isForbidden = code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
  return isForbidden ? `this account may not make control groups in ${parent}` : messageOf(error)
}

/** Writes a setting of the group; a group that is gone, or a kernel that refuses, leaves it as it was. */
export function writeGroupFile(directory: string, file: string, value: string): void {
  try {
    writeFileSync(join(directory, file), value)
  } catch {
    // The child has just left, and its group with it.
  }
}
