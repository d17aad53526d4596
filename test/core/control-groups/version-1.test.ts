import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVersion1Group } from '../../../src/core/control-groups/version-1.ts'

/** A directory stands in for the kernel's file system: names and formats are checked here, effects in integration. */
let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenfold groups '))
  for (const controller of ['cpu', 'cpuacct', 'memory']) mkdirSync(join(root, controller))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8')

describe('a control group of version 1', () => {
  it('writes quota, period and memory limit into groups of their own', () => {
    const parents = { cpu: join(root, 'cpu'), cpuacct: join(root, 'cpuacct'), memory: join(root, 'memory') }
    const group = createVersion1Group(parents, 'g', { cpu: 0.25, memoryBytes: 1_000_000 })
    expect(group.state).toEqual({ enforced: true })
    expect(read('cpu', 'g', 'cpu.cfs_period_us')).toBe('100000')
    expect(read('cpu', 'g', 'cpu.cfs_quota_us')).toBe('25000')
    expect(read('memory', 'g', 'memory.limit_in_bytes')).toBe('1000000')
    expect(group.joinFiles).toEqual(['cpu', 'cpuacct', 'memory'].map((name) => join(root, name, 'g', 'cgroup.procs')))
  })

  it('makes one group where CPU quota and accounting share a hierarchy', () => {
    const shared = join(root, 'cpu')
    const group = createVersion1Group({ cpu: shared, cpuacct: shared }, 'g', { cpu: 0.001 })
    expect(group.directories).toEqual([join(shared, 'g')])
    expect(read('cpu', 'g', 'cpu.cfs_quota_us')).toBe('1000')
  })

  it('lifts the CPU limit and puts it back', () => {
    const group = createVersion1Group({ cpu: join(root, 'cpu') }, 'g', { cpu: 0.25 })
    group.limitCpu(false)
    expect(read('cpu', 'g', 'cpu.cfs_quota_us')).toBe('-1')
    group.limitCpu(true)
    expect(read('cpu', 'g', 'cpu.cfs_quota_us')).toBe('25000')
  })

  it('has a third of the weight of others while it yields', () => {
    const group = createVersion1Group({ cpu: join(root, 'cpu') }, 'g', { cpu: 0.25 })
    group.yieldCpu(true)
    expect(read('cpu', 'g', 'cpu.shares')).toBe('341')
    group.yieldCpu(false)
    expect(read('cpu', 'g', 'cpu.shares')).toBe('1024')
  })

  it('reads what the kernel counts', () => {
    const parents = { cpu: join(root, 'cpu'), cpuacct: join(root, 'cpuacct'), memory: join(root, 'memory') }
    const group = createVersion1Group(parents, 'g', { cpu: 0.25 })
    expect([group.cpuSeconds(), group.memoryBytes(), group.throttling()]).toEqual([undefined, undefined, undefined])
    writeFileSync(join(root, 'cpuacct', 'g', 'cpuacct.usage'), '420632480\n')
    writeFileSync(join(root, 'memory', 'g', 'memory.stat'), 'rss 1\ntotal_rss 4096\ntotal_mapped_file 1024\n')
    writeFileSync(join(root, 'cpu', 'g', 'cpu.stat'), 'nr_periods 21\nnr_throttled 19\nthrottled_time 1393161809\n')
    expect(group.cpuSeconds()).toBeCloseTo(0.42063248)
    expect(group.memoryBytes()).toBe(5_120)
    expect(group.throttling()).toEqual({ periods: 21, throttledPeriods: 19, throttledSeconds: 1.393161809 })
  })

  it('enforces what it can and names the rest', () => {
    const group = createVersion1Group({ cpu: join(root, 'cpu') }, 'g', { cpu: 0.5, memoryBytes: 1_000 })
    expect(group.state).toEqual({ enforced: false, reason: 'memory: the controller is not mounted' })
    expect(group.directories).toEqual([join(root, 'cpu', 'g')])
  })

  it('leaves nothing behind where nothing can be enforced', () => {
    const group = createVersion1Group({ cpu: join(root, 'missing'), memory: join(root, 'memory') }, 'g', { cpu: 0.5 })
    expect(group.state).toMatchObject({ enforced: false, reason: expect.stringContaining('cpu: ENOENT') })
  })
})
