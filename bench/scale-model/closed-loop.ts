import { Agent, get } from 'node:http'
import { systemClock } from '../../src/core/clock.ts'
import type { GroupReading } from './quota.ts'
import type { Machine } from './stage.ts'

/** What machines did while there always was something to do for them. */
export interface Saturation {
  readonly requestsPerSecond: number
  /** Of the machines, together. */
  readonly cpuSecondsPerSecond: number
  readonly cpuMsPerRequest: number
  /** Of the periods in which they ran, those in which they used up their quota. */
  readonly throttledShare: number
}

/** Keeps `concurrency` requests under way for some seconds, and counts what is answered. */
export async function closedLoop(
  url: string,
  machines: readonly Machine[],
  options: { concurrency: number; seconds: number; signal: AbortSignal },
): Promise<Saturation> {
  const { concurrency, seconds, signal } = options
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  const endMs = systemClock.nowMs() + seconds * 1_000
  let requests = 0
  let lastMs = 0
  const before = readAll(machines)
  const startMs = systemClock.nowMs()
  let after: GroupReading | undefined
  const user = async (): Promise<void> => {
    while (systemClock.nowMs() < endMs && !signal.aborted) {
      await request(url, agent)
      if (systemClock.nowMs() > endMs) return
      requests++
      lastMs = systemClock.nowMs()
    }
  }
  const done = Promise.all(Array.from({ length: concurrency }, user))
  const cancel = systemClock.schedule(seconds * 1_000, () => (after = readAll(machines)))
  try {
    await done
    after ??= readAll(machines)
  } finally {
    cancel()
    agent.destroy()
  }
  signal.throwIfAborted()
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds
  return {
    // To the last answer: a quota lets answers come in bunches, and a bunch should not count by half.
    requestsPerSecond: (requests / Math.max(lastMs - startMs, 1)) * 1_000,
    cpuSecondsPerSecond: cpuSeconds / seconds,
    cpuMsPerRequest: (cpuSeconds / requests) * 1_000,
    throttledShare: throttledShare(before, after),
  }
}

/** The body of one answer. */
export function request(url: string, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = get(url, agent === undefined ? {} : { agent }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(body)
          : reject(new Error(`expected 200, got ${response.statusCode}: ${body}`)),
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
  })
}

/** The counters of several groups, added up. */
export function readAll(machines: readonly Machine[]): GroupReading {
  const readings = machines.map(({ group }) => group.read())
  const sum = (of: (reading: GroupReading) => number): number =>
    readings.reduce((total, reading) => total + of(reading), 0)
  return {
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    periods: sum(({ periods }) => periods),
    throttledPeriods: sum(({ throttledPeriods }) => throttledPeriods),
  }
}

/** Share of the periods between two readings in which the quota was used up; 0 without a quota. */
export function throttledShare(before: GroupReading, after: GroupReading): number {
  const periods = after.periods - before.periods
  return periods > 0 ? (after.throttledPeriods - before.throttledPeriods) / periods : 0
}
