import type { Clock } from '../core/clock.ts'
import { formatDuration } from '../core/duration.ts'
import { formatSize } from '../core/size.ts'

/** How far long work is. */
export interface WorkProgress {
  readonly phase: 'copying' | 'replaying' | 'checking'
  readonly doneBytes: number
  readonly totalBytes: number
  /** Since the beginning of the phase; 0 until something can be said. */
  readonly bytesPerSecond: number
  /** Of the phase; undefined until something can be said. */
  readonly leftMs: number | undefined
}

/** Makes reports of the progress of one phase, a few a second. */
export function progressOf(
  phase: WorkProgress['phase'],
  clock: Clock,
  report: ((progress: WorkProgress) => void) | undefined,
): (doneBytes: number, totalBytes: number) => void {
  const startMs = clock.nowMs()
  let lastMs = Number.NEGATIVE_INFINITY
  return (doneBytes, totalBytes) => {
    const nowMs = clock.nowMs()
    if (report === undefined || (nowMs - lastMs < INTERVAL_MS && doneBytes < totalBytes)) return
    lastMs = nowMs
    const bytesPerSecond = nowMs > startMs ? (doneBytes * 1000) / (nowMs - startMs) : 0
    const leftMs = bytesPerSecond > 0 ? (Math.max(0, totalBytes - doneBytes) / bytesPerSecond) * 1000 : undefined
    report({ phase, doneBytes, totalBytes, bytesPerSecond, leftMs })
  }
}

const INTERVAL_MS = 200

/** One line for people. @example 'copying 120MiB of 1.2GiB, 240MiB/s, 4.5s left' */
export function describeProgress({ phase, doneBytes, totalBytes, bytesPerSecond, leftMs }: WorkProgress): string {
  const rate = bytesPerSecond === 0 ? '' : `, ${formatSize(Math.round(bytesPerSecond))}/s`
  const left = leftMs === undefined ? '' : `, ${formatDuration(leftMs)} left`
  return `${phase} ${formatSize(doneBytes)} of ${formatSize(totalBytes)}${rate}${left}`
}
