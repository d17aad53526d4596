import { sleep, systemClock } from '../../src/core/clock.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import { startProgram } from '../program.ts'
import { repeat } from './compare-publishing.ts'
import type { Contender, ContenderSession } from './contender.ts'
import { messageOf } from './contender.ts'
import type { PublishOrder } from './publish-program.ts'

/** A contender, ready to be measured. */
export interface Subject {
  readonly contender: Contender
  readonly url: string
  readonly session: ContenderSession
}

/** Quantiles of the time from when a message was to be sent until its handler has it. */
export interface Delivery {
  readonly p50: number
  readonly p99: number
}

/** The publisher is another process, the messages of the first quarter are not counted. */
export async function measureDelivery(
  { contender: { name }, url, session }: Subject,
  {
    perSecond,
    seconds,
    signal,
  }: { readonly perSecond: number; readonly seconds: number; readonly signal: AbortSignal },
): Promise<Delivery> {
  let [countFromMs, seen] = [Infinity, 0]
  const latenciesMs: number[] = []
  const stop = await session.consume('latency', ({ sentEpochMs }) => {
    if (sentEpochMs === 0) return
    seen++
    if (sentEpochMs >= countFromMs) latenciesMs.push(systemClock.epochMs() - sentEpochMs)
  })
  const order: PublishOrder = { name, url, perSecond, seconds }
  const program = startProgram('topics/publish-program.ts', [JSON.stringify(order)], signal)
  try {
    await program.next()
    countFromMs = systemClock.epochMs() + (seconds * 1e3) / 4
    const { published } = (await program.next()) as { published: number }
    await until(signal, () => seen >= published)
  } finally {
    await program.stop()
    await stop()
  }
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  const at = (quantile: number): number => sorted[Math.floor(sorted.length * quantile)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

/** The same beside a transaction of the cluster that has a number and a snapshot, and does not end. */
export async function besideTransaction<Result>(url: string, work: () => Promise<Result>): Promise<Result> {
  const database = connectDatabase({ url, connectionsMax: 1 })
  try {
    return await database.transaction(
      async (transaction) => {
        await transaction.query('select pg_current_xact_id()')
        return work()
      },
      { isolation: 'repeatable read' },
    )
  } finally {
    await database.end()
  }
}

/** Messages a second that callers publish one by one. */
export function measurePublishing({ session }: Subject, ms: number): Promise<number> {
  return repeat(16, () => session.publish([messageOf(0)]), ms)
}

/** Messages a second of a backlog, in rounds: filled, and then consumed. */
export async function measureConsuming(
  { session }: Subject,
  { rounds, count, signal }: { readonly rounds: number; readonly count: number; readonly signal: AbortSignal },
): Promise<readonly number[]> {
  const rates: number[] = []
  for (let round = 0; round < rounds; round++) {
    const messages = Array.from({ length: count }, () => messageOf(1))
    for (let n = 0; n < count; n += 500) await session.publish(messages.slice(n, n + 500))
    let seen = 0
    const startMs = systemClock.nowMs()
    const stop = await session.consume('throughput', ({ sentEpochMs }) => {
      if (sentEpochMs === 1) seen++
    })
    try {
      await until(signal, () => seen >= count)
      rates.push((count * 1e3) / (systemClock.nowMs() - startMs))
    } finally {
      await stop()
    }
  }
  return rates
}

const PATIENCE_MS = 60_000

async function until(signal: AbortSignal, holds: () => boolean): Promise<void> {
  const deadlineMs = systemClock.nowMs() + PATIENCE_MS
  while (!holds()) {
    if (systemClock.nowMs() > deadlineMs) throw new Error('expected every message to come within a minute')
    await sleep(systemClock, 2, signal)
  }
}
