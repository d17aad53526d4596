import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlGroup } from '../control-group.ts'
import {
  CPU_PERIOD_US,
  cpuQuotaUs,
  noControlGroup,
  readGroupFile,
  readGroupTable,
  removeGroups,
  whyNoGroup,
  writeGroupFile,
  YIELDING_SHARE,
} from '../control-group.ts'
import type { ResourceLimits } from '../resource-limits.ts'

/** What a group has that nobody changes. */
const CPU_SHARES = 1_024

/** Our own group in each hierarchy that is mounted; version 1 mounts every controller apart, or some together. */
export interface Version1Hierarchies {
  readonly cpu?: string | undefined
  readonly cpuacct?: string | undefined
  readonly memory?: string | undefined
}

/** Control groups of version 1, below our own, so that the limits put on us hold for the child as well. */
export function createVersion1Group(parents: Version1Hierarchies, name: string, limits: ResourceLimits): ControlGroup {
  const made = new Set<string>()
  const problems: string[] = []

  function make(
    controller: keyof Version1Hierarchies,
    isNeeded: boolean,
    set: (directory: string) => void,
  ): string | undefined {
    const parent = parents[controller]
    const directory = parent === undefined ? undefined : join(parent, name)
    try {
      if (directory === undefined) throw new Error('the controller is not mounted')
      if (!made.has(directory)) mkdirSync(directory)
      made.add(directory)
      set(directory)
      return directory
    } catch (error) {
      if (isNeeded) problems.push(`${controller}: ${whyNoGroup(parent ?? '', error)}`)
      return undefined
    }
  }

  const cpu = make('cpu', limits.cpu !== undefined, (directory) => {
    if (limits.cpu === undefined) return
    writeFileSync(join(directory, 'cpu.cfs_period_us'), String(CPU_PERIOD_US))
    writeFileSync(join(directory, 'cpu.cfs_quota_us'), String(cpuQuotaUs(limits.cpu)))
  })
  const cpuacct = make('cpuacct', false, () => {})
  const memory = make('memory', limits.memoryBytes !== undefined, (directory) => {
    if (limits.memoryBytes !== undefined) {
      writeFileSync(join(directory, 'memory.limit_in_bytes'), String(limits.memoryBytes))
      // Swap is no way around the limit; kernels without this file do not count it.
      writeGroupFile(directory, 'memory.memsw.limit_in_bytes', String(limits.memoryBytes))
    }
  })
  const directories = [...made]
  if (problems.length > 0 && cpu === undefined && memory === undefined) {
    removeGroups(directories)
    return noControlGroup(problems.join('; '))
  }
  return version1Group(directories, { cpu, cpuacct, memory }, limits, problems)
}

/** Goes on with groups that `createVersion1Group` made. */
export function adoptVersion1Groups(directories: readonly string[], limits: ResourceLimits): ControlGroup {
  const holding = (file: string): string | undefined =>
    directories.find((directory) => readGroupFile(directory, file) !== undefined)
  const groups = {
    cpu: holding('cpu.cfs_quota_us'),
    cpuacct: holding('cpuacct.usage'),
    memory: holding('memory.limit_in_bytes'),
  }
  const missing = [
    ...(limits.cpu !== undefined && groups.cpu === undefined ? ['cpu'] : []),
    ...(limits.memoryBytes !== undefined && groups.memory === undefined ? ['memory'] : []),
  ]
  const problems = missing.map((controller) => `${controller}: it was started without`)
  return version1Group(directories, groups, limits, problems)
}

function version1Group(
  directories: readonly string[],
  { cpu, cpuacct, memory }: Version1Hierarchies,
  limits: ResourceLimits,
  problems: readonly string[],
): ControlGroup {
  return {
    state: problems.length === 0 ? { enforced: true } : { enforced: false, reason: problems.join('; ') },
    joinFiles: directories.map((directory) => join(directory, 'cgroup.procs')),
    directories,
    cpuSeconds() {
      const nanoseconds = cpuacct && readGroupFile(cpuacct, 'cpuacct.usage')
      return nanoseconds ? Number(nanoseconds) / 1e9 : undefined
    },
    memoryBytes() {
      const table = memory && readGroupTable(memory, 'memory.stat')
      // "rss + mapped_file" is the resident set of a group, says the kernel's documentation of version 1.
      return table ? (table.get('total_rss') ?? 0) + (table.get('total_mapped_file') ?? 0) : undefined
    },
    memoryKills() {
      return memory === undefined ? 0 : (readGroupTable(memory, 'memory.oom_control')?.get('oom_kill') ?? 0)
    },
    limitCpu(isLimited) {
      if (cpu === undefined || limits.cpu === undefined) return
      writeGroupFile(cpu, 'cpu.cfs_quota_us', String(isLimited ? cpuQuotaUs(limits.cpu) : -1))
    },
    yieldCpu(isYielding) {
      if (cpu === undefined) return
      writeGroupFile(cpu, 'cpu.shares', String(Math.round(isYielding ? CPU_SHARES * YIELDING_SHARE : CPU_SHARES)))
    },
    throttling() {
      const table = cpu && limits.cpu !== undefined && readGroupTable(cpu, 'cpu.stat')
      if (!table) return undefined
      return {
        periods: table.get('nr_periods') ?? 0,
        throttledPeriods: table.get('nr_throttled') ?? 0,
        throttledSeconds: (table.get('throttled_time') ?? 0) / 1e9,
      }
    },
  }
}
