import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'

/** What disks and network have moved since the machine started, and the room on one file system. */
export interface HostIoReading {
  readonly disk: DiskCounters | undefined
  readonly network: { readonly loopback: NetworkCounters; readonly external: NetworkCounters } | undefined
  readonly room: { readonly totalBytes: number; readonly freeBytes: number } | undefined
}

interface DiskCounters {
  readonly reads: number
  readonly writes: number
  readonly readBytes: number
  readonly writtenBytes: number
  /** Time in which at least one request was under way, of all disks together. */
  readonly busySeconds: number
}

interface NetworkCounters {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly errors: number
}

/**
 * Reports the traffic of the machine's disks and network once a second, and how full the file system of `directory` is.
 * Linux only, but for the last.
 */
export function createHostIoMetrics(options: {
  readonly directory: string
  readonly clock: Clock
  readonly append: (frame: MetricFrame) => void
  /** @default reads the machine */
  readonly read?: () => Promise<HostIoReading>
}): Component {
  const { clock, append, read = () => readHostIo(options.directory) } = options
  let cancel: Cancel | undefined
  let before: HostIoReading | undefined
  let reading: Promise<void> | undefined

  async function look(): Promise<void> {
    const now = await read()
    if (before !== undefined && cancel !== undefined) append(hostIoFrame(before, now, clock.epochMs()))
    before = now
  }

  return {
    start(signal) {
      if (signal?.aborted === true) {
        return Promise.reject(new TenfoldError('TF_ABORTED', 'expected to watch the machine, but it was stopped'))
      }
      cancel ??= clock.every(
        1_000,
        () => {
          // A file system that hangs makes looks rarer, not more at once.
          reading ??= look().finally(() => {
            reading = undefined
          })
        },
        { unref: true },
      )
      return Promise.resolve()
    },
    async stop() {
      cancel?.()
      cancel = undefined
      before = undefined
      await reading
    },
  }
}

/** The frame of the time between two readings. */
export function hostIoFrame(before: HostIoReading, now: HostIoReading, atEpochMs: number): MetricFrame {
  const samples: MetricSample[] = []
  // A disk that was taken out takes its counters along.
  const add = (name: MetricName, from: number, to: number, labels: Readonly<Record<string, string>>): void =>
    void samples.push({ name, labels, value: Math.max(0, to - from) })
  if (before.disk !== undefined && now.disk !== undefined) {
    const [from, to] = [before.disk, now.disk]
    add('system.disk.io', from.readBytes, to.readBytes, { direction: 'read' })
    add('system.disk.io', from.writtenBytes, to.writtenBytes, { direction: 'write' })
    add('system.disk.operations', from.reads, to.reads, { direction: 'read' })
    add('system.disk.operations', from.writes, to.writes, { direction: 'write' })
    add('system.disk.io_time', from.busySeconds, to.busySeconds, {})
  }
  for (const which of ['loopback', 'external'] as const) {
    const [from, to] = [before.network?.[which], now.network?.[which]]
    if (from === undefined || to === undefined) continue
    add('system.network.io', from.receivedBytes, to.receivedBytes, { interface: which, direction: 'receive' })
    add('system.network.io', from.sentBytes, to.sentBytes, { interface: which, direction: 'transmit' })
    add('system.network.errors', from.errors, to.errors, { interface: which })
  }
  if (now.room !== undefined && now.room.totalBytes > 0) {
    const { totalBytes, freeBytes } = now.room
    samples.push(
      { name: 'system.filesystem.utilization', value: 1 - freeBytes / totalBytes },
      { name: 'tenfold.host.filesystem.free', value: freeBytes },
    )
  }
  return { atEpochMs, source: 'host', samples }
}

/** Reads the machine now. What it does not tell is left out. */
export async function readHostIo(directory: string): Promise<HostIoReading> {
  const disks = readText('/proc/diskstats')
  const network = readText('/proc/net/dev')
  const room = await statfs(directory).catch(() => undefined)
  return {
    disk: disks === undefined ? undefined : parseDiskStats(disks),
    network: network === undefined ? undefined : parseNetDev(network),
    room:
      room === undefined ? undefined : { totalBytes: room.blocks * room.bsize, freeBytes: room.bavail * room.bsize },
  }
}

const SECTOR_BYTES = 512
/** Disks, not their partitions, and nothing that is made of other disks or of memory. */
const WHOLE_DISK = /^(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/

/** `/proc/diskstats`: https://docs.kernel.org/admin-guide/iostats.html */
export function parseDiskStats(text: string): DiskCounters {
  const sum = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, busySeconds: 0 }
  for (const line of text.split('\n')) {
    const [, , name = '', ...fields] = line.trim().split(/\s+/)
    if (!WHOLE_DISK.test(name)) continue
    const field = (number: number): number => Number(fields[number - 1] ?? 0)
    sum.reads += field(1)
    sum.readBytes += field(3) * SECTOR_BYTES
    sum.writes += field(5)
    sum.writtenBytes += field(7) * SECTOR_BYTES
    sum.busySeconds += field(10) / 1_000
  }
  return sum
}

/** `/proc/net/dev`: eight fields received, then eight sent. */
export function parseNetDev(text: string): NonNullable<HostIoReading['network']> {
  const loopback = { receivedBytes: 0, sentBytes: 0, errors: 0 }
  const external = { receivedBytes: 0, sentBytes: 0, errors: 0 }
  for (const line of text.split('\n')) {
    const match = /^\s*([^:\s]+):\s*(.+)$/.exec(line)
    if (match === null) continue
    const fields = match[2]!.trim().split(/\s+/).map(Number)
    const sum = match[1] === 'lo' ? loopback : external
    sum.receivedBytes += fields[0] ?? 0
    sum.sentBytes += fields[8] ?? 0
    sum.errors += (fields[2] ?? 0) + (fields[10] ?? 0)
  }
  return { loopback, external }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // Another system, or a container that hides it.
    return undefined
  }
}
