import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import type { MetricFrame, MetricSample } from './metric-frame.ts'

/** What the machine has done and has, at one moment. */
export interface HostReading {
  /** Time of all processors together since the machine started, in any one unit. */
  readonly cpu: { readonly total: number; readonly idle: number; readonly stolen: number }
  readonly memoryAvailableBytes: number
  readonly memoryBytes: number
  readonly loadAverage: number
  readonly processors: number
}

/**
 * Reports a frame of the machine once a second, at the cost of reading two small files.
 *
 * @param options.append where the frames go: `FrameStore.append`
 */
export function createHostMetrics(options: {
  clock: Clock
  append: (frame: MetricFrame) => void
  /** @default reads the machine */
  read?: () => HostReading
}): Component {
  const { clock, append, read = readHost } = options
  let cancel: Cancel | undefined
  return {
    start(signal) {
      if (signal?.aborted === true) {
        return Promise.reject(
          new TenfoldError('TF_ABORTED', 'expected to watch the machine, but the start was cancelled'),
        )
      }
      let before = read()
      cancel ??= clock.every(
        1_000,
        () => {
          const now = read()
          append(hostFrame(before, now, clock.epochMs()))
          before = now
        },
        { unref: true },
      )
      return Promise.resolve()
    },
    stop() {
      cancel?.()
      cancel = undefined
      return Promise.resolve()
    },
  }
}

/** The frame of the time between two readings. */
export function hostFrame(before: HostReading, now: HostReading, atEpochMs: number): MetricFrame {
  const total = now.cpu.total - before.cpu.total
  // Counters of a guest can step back after a migration; a share outside 0 to 1 would be worse than none.
  const share = (part: number): number => (total > 0 ? Math.min(1, Math.max(0, part / total)) : 0)
  const samples: MetricSample[] = [
    { name: 'system.cpu.utilization', value: total > 0 ? 1 - share(now.cpu.idle - before.cpu.idle) : 0 },
    { name: 'tenfold.host.cpu.stolen', value: share(now.cpu.stolen - before.cpu.stolen) },
    { name: 'system.cpu.logical.count', value: now.processors },
    { name: 'system.cpu.load_average.1m', value: now.loadAverage },
    { name: 'system.memory.available', value: now.memoryAvailableBytes },
    { name: 'system.memory.limit', value: now.memoryBytes },
  ]
  return { atEpochMs, source: 'host', samples }
}

/** Reads the machine: `/proc` on Linux, what Node knows elsewhere. */
export function readHost(): HostReading {
  const isLinux = process.platform === 'linux'
  return {
    cpu: (isLinux ? parseProcStat(readText('/proc/stat')) : undefined) ?? cpuFromNode(),
    memoryAvailableBytes: (isLinux ? parseAvailable(readText('/proc/meminfo')) : undefined) ?? freemem(),
    memoryBytes: totalmem(),
    loadAverage: loadavg()[0] ?? 0,
    processors: availableParallelism(),
  }
}

/**
 * The first line of `/proc/stat`, proc(5): user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice. The
 * last two are part of the first two. Waiting for a disk is idleness of the processor.
 */
export function parseProcStat(text: string): HostReading['cpu'] | undefined {
  const line = /^cpu +([\d ]+)$/m.exec(text)
  if (line?.[1] === undefined) return undefined
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = line[1]
    .trim()
    .split(/ +/)
    .map(Number)
  return { total: user + nice + system + idle + wait + irq + softirq + steal, idle: idle + wait, stolen: steal }
}

/** `MemAvailable` of `/proc/meminfo`, in bytes. */
export function parseAvailable(text: string): number | undefined {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(text)
  return match?.[1] === undefined ? undefined : Number(match[1]) * 1024
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // A container that hides it: Node's own figures do.
    return ''
  }
}

function cpuFromNode(): HostReading['cpu'] {
  let total = 0
  let idle = 0
  for (const { times } of cpus()) {
    total += times.user + times.nice + times.sys + times.idle + times.irq
    idle += times.idle
  }
  return { total, idle, stolen: 0 }
}
