import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVersion2Group } from '../../../src/core/control-groups/version-2.ts'

let root: string
let own: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenfold groups '))
  own = join(root, 'own')
  mkdirSync(own)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function place(directory: string, controllers: string, handedDown: string): void {
  writeFileSync(join(directory, 'cgroup.controllers'), controllers)
  writeFileSync(join(directory, 'cgroup.subtree_control'), handedDown)
}

const read = (...path: string[]): string => readFileSync(join(...path), 'utf8')

describe('a control group of version 2', () => {
  it('hands the controllers down that are missing, and writes the limits', () => {
    place(own, 'cpuset cpu io memory pids\n', 'memory\n')
    const group = createVersion2Group([own, root], 'g', { cpu: 0.25, memoryBytes: 1_000_000 })
    expect(group.state).toEqual({ enforced: true })
    expect(read(own, 'cgroup.subtree_control')).toBe('+cpu')
    expect(read(own, 'g', 'cpu.max')).toBe('25000 100000')
    expect(read(own, 'g', 'memory.max')).toBe('1000000')
    group.limitCpu(false)
    expect(read(own, 'g', 'cpu.max')).toBe('max 100000')
    group.limitCpu(true)
    expect(read(own, 'g', 'cpu.max')).toBe('25000 100000')
    group.yieldCpu(true)
    expect(read(own, 'g', 'cpu.weight')).toBe('33')
    group.yieldCpu(false)
    expect(read(own, 'g', 'cpu.weight')).toBe('100')
    expect(group.joinFiles).toEqual([join(own, 'g', 'cgroup.procs')])
  })

  it('goes beside our own group where that one cannot hand down', () => {
    place(own, 'memory\n', '')
    place(root, 'cpu memory\n', 'cpu memory\n')
    const group = createVersion2Group([own, root], 'g', { cpu: 0.25 })
    expect(group.directories).toEqual([join(root, 'g')])
    expect(read(root, 'cgroup.subtree_control')).toBe('cpu memory\n')
    expect(existsSync(join(own, 'g'))).toBe(false)
  })

  it('says why it cannot enforce anything', () => {
    place(own, 'memory\n', '')
    const group = createVersion2Group([own], 'g', { cpu: 0.25 })
    expect(group.state).toEqual({ enforced: false, reason: `${own} has no controller cpu` })
    expect(group.directories).toEqual([])
  })

  it('reads what the kernel counts', () => {
    place(own, '', 'cpu memory')
    const group = createVersion2Group([own], 'g', { cpu: 0.25 })
    expect([group.cpuSeconds(), group.memoryBytes(), group.throttling()]).toEqual([undefined, undefined, undefined])
    const cpu = 'usage_usec 420632\nuser_usec 1\nnr_periods 21\nnr_throttled 19\nthrottled_usec 1393161\n'
    writeFileSync(join(own, 'g', 'cpu.stat'), cpu)
    writeFileSync(join(own, 'g', 'memory.stat'), 'anon 4096\nfile 99999\nfile_mapped 1024\n')
    expect(group.cpuSeconds()).toBeCloseTo(0.420632)
    expect(group.memoryBytes()).toBe(5_120)
    expect(group.throttling()).toEqual({ periods: 21, throttledPeriods: 19, throttledSeconds: 1.393161 })
  })

  it('counts whom the kernel has killed for want of memory, and allows no way around through swap', () => {
    place(own, '', 'memory')
    const group = createVersion2Group([own], 'g', { memoryBytes: 1_000_000 })
    expect(read(own, 'g', 'memory.swap.max')).toBe('0')
    expect(group.memoryKills()).toBe(0)
    writeFileSync(join(own, 'g', 'memory.events'), 'low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\n')
    expect(group.memoryKills()).toBe(2)
  })
})
