import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readGroupTable, readGroupFile, removeGroups } from '../../src/core/control-group.ts'
import { choosePlaces, limitResources } from '../../src/core/limit-resources.ts'

/** A share of a processor: `cpu` × `periodMs` of time in each period. */
export interface Quota {
  readonly cpu: number
  /** @default 100, what Tenfold sets */
  readonly periodMs?: number
}

/** The control group that Tenfold has put a process into, for changing its quota while it runs. */
export interface HeldGroup {
  /** Undefined: no quota. */
  hold(quota: Quota | undefined): void
  /** Its weight against others that want the processor at the same moment; 1024 is that of a process without a group. */
  weigh(weight: number): void
  read(): GroupReading
}

/** Counters since the group was made. */
export interface GroupReading {
  readonly cpuSeconds: number
  readonly periods: number
  readonly throttledPeriods: number
}

/** Undefined when limits are enforced here, else why not. */
export function whyNotEnforced(): string | undefined {
  const { state, directories } = limitResources({ cpu: 0.5 })
  removeGroups(directories)
  return state.enforced ? undefined : (state.reason ?? 'no reason given')
}

/** The group of a process that was started with a CPU limit. */
export function groupOf(pid: number): HeldGroup {
  const own = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  const places = choosePlaces(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
    (directory) => readGroupFile(directory, 'cgroup.controllers') ?? '',
  )
  if (places.version === 1) {
    const name = nameIn(own, 'cpu')
    return version1(join(places.parents.cpu ?? '', name), join(places.parents.cpuacct ?? '', name))
  }
  const name = nameIn(own, '')
  const directory = (places.version === 2 ? places.parents : [])
    .map((parent) => join(parent, name))
    .find((path) => existsSync(path))
  if (directory === undefined) throw new Error(`expected process ${pid} to be in a control group of ours`)
  return version2(directory)
}

/** The last part of the path of a process's group in one hierarchy. */
function nameIn(groups: string, controller: string): string {
  for (const line of groups.split('\n')) {
    const [, controllers = '', path = ''] = line.split(':')
    if (controllers.split(',').includes(controller) && path.includes('tenfold-')) return basename(path)
  }
  throw new Error(`expected a group of ours, got ${JSON.stringify(groups)}`)
}

function version1(cpu: string, cpuacct: string): HeldGroup {
  return {
    hold(quota) {
      // A period that is too short for the present quota is refused, hence first none.
      writeFileSync(join(cpu, 'cpu.cfs_quota_us'), '-1')
      if (quota === undefined) return
      writeFileSync(join(cpu, 'cpu.cfs_period_us'), String(periodUs(quota)))
      writeFileSync(join(cpu, 'cpu.cfs_quota_us'), String(quotaUs(quota)))
    },
    weigh: (weight) => writeFileSync(join(cpu, 'cpu.shares'), String(weight)),
    read() {
      const counters = readGroupTable(cpu, 'cpu.stat')
      return {
        cpuSeconds: Number(readGroupFile(cpuacct, 'cpuacct.usage')) / 1e9,
        periods: counters?.get('nr_periods') ?? Number.NaN,
        throttledPeriods: counters?.get('nr_throttled') ?? Number.NaN,
      }
    },
  }
}

function version2(directory: string): HeldGroup {
  return {
    hold(quota) {
      const text = quota === undefined ? 'max' : `${quotaUs(quota)} ${periodUs(quota)}`
      writeFileSync(join(directory, 'cpu.max'), text)
    },
    // Version 2 counts from 100 where version 1 counts from 1024.
    weigh: (weight) => writeFileSync(join(directory, 'cpu.weight'), String(Math.max(1, Math.round(weight / 10.24)))),
    read() {
      const counters = readGroupTable(directory, 'cpu.stat')
      return {
        cpuSeconds: (counters?.get('usage_usec') ?? Number.NaN) / 1e6,
        periods: counters?.get('nr_periods') ?? Number.NaN,
        throttledPeriods: counters?.get('nr_throttled') ?? Number.NaN,
      }
    },
  }
}

function periodUs({ periodMs = 100 }: Quota): number {
  return Math.round(periodMs * 1_000)
}

function quotaUs(quota: Quota): number {
  return Math.round(quota.cpu * periodUs(quota))
}
