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
const CPU_WEIGHT = 100

/**
 * A control group of version 2, below the first of `parents` that allows it. A group of version 2 that holds processes,
 * as ours does, can't hand controllers down (the root excepted), so our parent's is tried as well: the child becomes
 * our sibling.
 */
export function createVersion2Group(parents: readonly string[], name: string, limits: ResourceLimits): ControlGroup {
  const problems: string[] = []
  for (const parent of parents) {
    const directory = join(parent, name)
    try {
      handDown(parent, limits)
      mkdirSync(directory)
      if (limits.cpu !== undefined) {
        writeFileSync(join(directory, 'cpu.max'), `${cpuQuotaUs(limits.cpu)} ${CPU_PERIOD_US}`)
      }
      if (limits.memoryBytes !== undefined) {
        writeFileSync(join(directory, 'memory.max'), String(limits.memoryBytes))
        // Swap is no way around the limit; kernels without this file do not count it.
        writeGroupFile(directory, 'memory.swap.max', '0')
      }
      return version2Group(directory, limits)
    } catch (error) {
      removeGroups([directory])
      problems.push(whyNoGroup(parent, error))
    }
  }
  return noControlGroup(problems.join('; '))
}

/** Lets children of `parent` be limited. Accounting of what is not limited comes along where it is there already. */
function handDown(parent: string, limits: ResourceLimits): void {
  const wanted = [...(limits.cpu === undefined ? [] : ['cpu']), ...(limits.memoryBytes === undefined ? [] : ['memory'])]
  const active = words(parent, 'cgroup.subtree_control')
  const missing = wanted.filter((controller) => !active.has(controller))
  if (missing.length === 0) return
  const available = words(parent, 'cgroup.controllers')
  const absent = missing.filter((controller) => !available.has(controller))
  if (absent.length > 0) throw new Error(`${parent} has no controller ${absent.join(' and ')}`)
  writeFileSync(join(parent, 'cgroup.subtree_control'), missing.map((controller) => `+${controller}`).join(' '))
}

function words(directory: string, file: string): ReadonlySet<string> {
  return new Set((readGroupFile(directory, file) ?? '').split(/\s+/))
}

/** A group that is there. */
export function version2Group(directory: string, limits: ResourceLimits): ControlGroup {
  const microseconds = (name: string): number | undefined => readGroupTable(directory, 'cpu.stat')?.get(name)
  return {
    state: { enforced: true },
    joinFiles: [join(directory, 'cgroup.procs')],
    directories: [directory],
    cpuSeconds() {
      const usage = microseconds('usage_usec')
      return usage === undefined ? undefined : usage / 1e6
    },
    memoryBytes() {
      const table = readGroupTable(directory, 'memory.stat')
      return table === undefined ? undefined : (table.get('anon') ?? 0) + (table.get('file_mapped') ?? 0)
    },
    memoryKills() {
      return readGroupTable(directory, 'memory.events')?.get('oom_kill') ?? 0
    },
    limitCpu(isLimited) {
      if (limits.cpu === undefined) return
      const quota = isLimited ? cpuQuotaUs(limits.cpu) : 'max'
      writeGroupFile(directory, 'cpu.max', `${quota} ${CPU_PERIOD_US}`)
    },
    yieldCpu(isYielding) {
      writeGroupFile(directory, 'cpu.weight', String(Math.round(isYielding ? CPU_WEIGHT * YIELDING_SHARE : CPU_WEIGHT)))
    },
    throttling() {
      const periods = microseconds('nr_periods')
      if (limits.cpu === undefined || periods === undefined) return undefined
      return {
        periods,
        throttledPeriods: microseconds('nr_throttled') ?? 0,
        throttledSeconds: (microseconds('throttled_usec') ?? 0) / 1e6,
      }
    },
  }
}
