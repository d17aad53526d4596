import { describe, expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import { createHostIoMetrics, hostIoFrame, parseDiskStats, parseNetDev } from '../../src/telemetry/host-io.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory } from './frames-for-tests.ts'

const DISKS = `   7       0 loop0 64 0 2202 23 0 0 0 0 0 32 23 0 0 0 0 0 0
 259       0 nvme0n1 100 5 2000 40 200 6 4000 80 0 1500 120 0 0 0 0 3 1
 259       1 nvme0n1p1 90 5 1900 39 190 6 3900 79 0 1400 118 0 0 0 0 0 0
   8       0 sda 1 0 8 1 2 0 16 1 0 500 2 0 0 0 0 0 0
   8       1 sda1 1 0 8 1 2 0 16 1 0 500 2 0 0 0 0 0 0
 253       0 dm-0 1 0 8 1 2 0 16 1 0 500 2 0 0 0 0 0 0
`
const NETWORK = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0
  eth0: 5000 50 1 0 0 0 0 0 6000 60 2 0 0 0 0 0
docker0:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0
`

describe('the traffic of the machine', () => {
  test('counts whole disks once, without partitions and what is made of them', () => {
    expect(parseDiskStats(DISKS)).toEqual({
      reads: 101,
      writes: 202,
      readBytes: 2_008 * 512,
      writtenBytes: 4_016 * 512,
      busySeconds: 2,
    })
  })

  test('tells the loopback from the rest', () => {
    expect(parseNetDev(NETWORK)).toEqual({
      loopback: { receivedBytes: 1_000, sentBytes: 1_000, errors: 0 },
      external: { receivedBytes: 5_007, sentBytes: 6_008, errors: 3 },
    })
  })

  test('is a frame of what was added, and never of less than nothing', () => {
    const room = { totalBytes: 100, freeBytes: 25 }
    const before = { disk: parseDiskStats(DISKS), network: parseNetDev(NETWORK), room }
    const frame = hostIoFrame(
      { ...before, room: undefined },
      { ...before, disk: { ...before.disk, reads: 0, readBytes: 2_009 * 512 } },
      1,
    )
    checkFrame(frame)
    expect(frame.samples).toContainEqual({ name: 'system.disk.io', labels: { direction: 'read' }, value: 512 })
    expect(frame.samples).toContainEqual({ name: 'system.disk.operations', labels: { direction: 'read' }, value: 0 })
    expect(frame.samples).toContainEqual({ name: 'system.filesystem.utilization', value: 0.75 })
  })

  test('is read from this machine once a second', async () => {
    const clock = virtualClock()
    const frames: MetricFrame[] = []
    const directory = temporaryDirectory()
    const metrics = createHostIoMetrics({
      directory,
      clock,
      append: (frame) => frames.push(frame),
    })
    await metrics.start()
    await expect.poll(async () => clock.advance('1s').then(() => frames.length)).toBeGreaterThan(0)
    checkFrame(frames[0]!)
    expect(frames[0]!.samples.map(({ name }) => name)).toContain('system.filesystem.utilization')
    await metrics.stop()
    expect(clock.pending).toBe(0)
  })
})
