import { describe, expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import type { HostReading } from '../../src/control/host-metrics.ts'
import {
  createHostMetrics,
  hostFrame,
  parseAvailable,
  parseProcStat,
  readHost,
} from '../../src/control/host-metrics.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const reading = (cpu: HostReading['cpu']): HostReading => ({
  cpu,
  memoryAvailableBytes: 1,
  memoryBytes: 2,
  loadAverage: 0.5,
  processors: 2,
})

const valueOf = (frame: MetricFrame, name: string): unknown =>
  frame.samples.flatMap((sample) => (sample.name === name && 'value' in sample ? [sample.value] : []))[0]

describe('a frame of the host', () => {
  test('has the share of the time between two readings that was not idle, and that was stolen', () => {
    const before = reading({ total: 1_000, idle: 900, stolen: 0 })
    const frame = hostFrame(before, reading({ total: 1_200, idle: 1_000, stolen: 20 }), 7)

    expect(valueOf(frame, 'system.cpu.utilization')).toBe(0.5)
    expect(valueOf(frame, 'tenfold.host.cpu.stolen')).toBe(0.1)
    expect(frame).toMatchObject({ atEpochMs: 7, source: 'host' })
    checkFrame(frame)
  })

  test('has shares between 0 and 1 when counters stand still or step back', () => {
    const before = reading({ total: 1_000, idle: 900, stolen: 10 })
    for (const cpu of [before.cpu, { total: 990, idle: 0, stolen: 0 }, { total: 1_001, idle: 800, stolen: 0 }]) {
      const share = valueOf(hostFrame(before, reading(cpu), 0), 'system.cpu.utilization') as number
      expect(share).toBeGreaterThanOrEqual(0)
      expect(share).toBeLessThanOrEqual(1)
    }
  })
})

test('the files of Linux are read as proc(5) says', () => {
  expect(parseProcStat('cpu  10 1 5 80 4 1 2 7 9 9\ncpu0 1 1\n')).toEqual({ total: 110, idle: 84, stolen: 7 })
  expect(parseProcStat('')).toBeUndefined()
  expect(parseAvailable('MemTotal: 5 kB\nMemAvailable:      12 kB\n')).toBe(12 * 1024)
  expect(parseAvailable('')).toBeUndefined()
})

test('this machine gives a plausible reading', () => {
  const { cpu, memoryAvailableBytes, memoryBytes, processors } = readHost()

  expect(cpu.total).toBeGreaterThan(cpu.idle)
  expect(memoryAvailableBytes).toBeGreaterThan(0)
  expect(memoryAvailableBytes).toBeLessThanOrEqual(memoryBytes)
  expect(processors).toBeGreaterThanOrEqual(1)
})

test('reports once a second between start and stop', async () => {
  const clock = virtualClock()
  const got: MetricFrame[] = []
  const metrics = createHostMetrics({ clock, append: (frame) => void got.push(frame) })
  await metrics.stop()
  await metrics.start()
  await clock.advance('3s')
  await metrics.stop()
  await clock.advance('3s')

  expect(got).toHaveLength(3)
  expect(clock.pending).toBe(0)
})
