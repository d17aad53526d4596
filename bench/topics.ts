import { sleep, systemClock } from '../src/core/clock.ts'
import { uniqueId } from '../src/core/random.ts'
import type { DatabaseConnection } from '../src/sql/database.ts'
import { connectDatabase } from '../src/sql/database.ts'
import { createConsumer } from '../src/topics/consumer.ts'
import { ensureTopic, installLayout } from '../src/topics/logs/postgres/layout.ts'
import type { PostgresLog } from '../src/topics/logs/postgres/postgres-log.ts'
import { createPostgresLog } from '../src/topics/logs/postgres/postgres-log.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts'
import { interleave, median } from './benchmark.ts'
import { withScratchCluster } from './servers/scratch-cluster.ts'

const CALLERS = 16
const PARTITIONS = 12
const PAYLOAD = JSON.stringify({ user_id: 'user-7', items: [1, 2, 3], note: 'x'.repeat(100) })
/** Published at this rate while delivery is measured. */
const PER_SECOND = 500

export const benchmark: Benchmark = {
  name: 'topics',
  description:
    'publishing against a plain insert, delivery also beside a long foreign transaction, consuming under a held snapshot',
  run(context) {
    return withScratchCluster({ name: 'log' }, context.signal, (cluster) => measure(context, cluster.url()))
  },
}

async function measure(context: BenchmarkContext, url: string): Promise<BenchmarkOutcome> {
  const database = connectDatabase({ url, connectionsMax: CALLERS + 6 })
  const log = createPostgresLog(database)
  try {
    await installLayout(database)
    await ensureTopic(database, { name: 'measured', partitions: PARTITIONS })
    await database.query(
      `create table plain (id bigint generated always as identity, message_id uuid not null, at timestamptz default now(),
       key text, headers text, payload text not null, primary key (id))`,
    )
    const publishing = await comparePublishing(context, database, log)
    const delivery = await measureDelivery(context, database, log)
    const consumeHeldSnapshotRatio = await compareConsuming(context, database, log)
    return { figures: { ...publishing, ...delivery, consumeHeldSnapshotRatio }, peers: [] }
  } finally {
    await log.end()
    await database.end()
  }
}

const eventsOf = (count: number) =>
  Array.from({ length: count }, () => ({ messageId: uniqueId(), key: uniqueId(), payload: PAYLOAD }))

async function comparePublishing(context: BenchmarkContext, database: DatabaseConnection, log: PostgresLog) {
  const variants = {
    insert: () =>
      database.query('insert into plain (message_id, key, headers, payload) values ($1, $2, $3, $4)', [
        uniqueId(),
        uniqueId(),
        null,
        PAYLOAD,
      ]),
    publish: () => log.publish('measured', eventsOf(1)),
    publish10: () => log.publish('measured', eventsOf(10)),
  }
  const [rounds, ms] = context.isQuick ? [5, 600] : [9, 2_000]
  for (const work of Object.values(variants)) await repeat(work, 300, context.signal)
  const trials = await interleave(rounds, {
    insert: () => repeat(variants.insert, ms, context.signal),
    publish: () => repeat(variants.publish, ms, context.signal),
    publish10: () => repeat(variants.publish10, ms, context.signal),
  })
  for (const [name, rates] of Object.entries(trials)) for (const perSecond of rates) context.keep(name, { perSecond })
  return {
    publishVsInsert: median(trials.publish.map((rate, round) => rate / (trials.insert[round] as number))),
    publishPerSecond: median(trials.publish),
    insertPerSecond: median(trials.insert),
    publishPerSecondBatch10: 10 * median(trials.publish10),
  }
}

/** Callers that go on as soon as they can; calls a second. */
async function repeat(work: () => Promise<unknown>, ms: number, signal: AbortSignal): Promise<number> {
  const startMs = systemClock.nowMs()
  let count = 0
  const caller = async (): Promise<void> => {
    while (systemClock.nowMs() - startMs < ms) {
      signal.throwIfAborted()
      await work()
      count++
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return (count * 1e3) / (systemClock.nowMs() - startMs)
}

async function measureDelivery(context: BenchmarkContext, database: DatabaseConnection, log: PostgresLog) {
  await ensureTopic(database, { name: 'timed', partitions: PARTITIONS })
  const sentMs = new Map<string, number>()
  let latenciesMs: number[] = []
  const consumer = createConsumer({
    log,
    topic: 'timed',
    group: 'timer',
    concurrency: 64,
    handler: {
      async each({ messageId }) {
        const sent = sentMs.get(messageId)
        if (sent !== undefined) latenciesMs.push(systemClock.nowMs() - sent)
        sentMs.delete(messageId)
      },
    },
  })
  await consumer.start()
  const run = async (): Promise<readonly number[]> => {
    latenciesMs = []
    const seconds = context.isQuick ? 4 : 20
    const startMs = systemClock.nowMs()
    const publishing: Promise<void>[] = []
    for (let n = 0; n < PER_SECOND * seconds; n++) {
      const dueMs = startMs + (n * 1e3) / PER_SECOND
      if (dueMs > systemClock.nowMs()) await sleep(systemClock, dueMs - systemClock.nowMs())
      context.signal.throwIfAborted()
      const events = eventsOf(1)
      // From when it was to be sent: a publisher that waits is part of it.
      for (const { messageId } of events) sentMs.set(messageId, dueMs)
      publishing.push(log.publish('timed', events))
    }
    await Promise.all(publishing)
    while (sentMs.size > 0) await sleep(systemClock, 5)
    return latenciesMs.toSorted((a, b) => a - b)
  }
  await run()
  const clean = await run()
  const gate = Promise.withResolvers<void>()
  const foreign = database.transaction(async (tx) => {
    await tx.query('select pg_current_xact_id()')
    await gate.promise
  })
  const beside = await run()
  gate.resolve()
  await foreign
  await consumer.stop()
  return {
    deliveryMsP50: at(clean, 0.5),
    deliveryMsP99: at(clean, 0.99),
    deliveryMsP50ForeignTx: at(beside, 0.5),
    deliveryMsP99ForeignTx: at(beside, 0.99),
  }
}

function at(sorted: readonly number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN
}

/** Events a second through groups that commit often, without and with a snapshot that is held from the first round on. */
async function compareConsuming(
  context: BenchmarkContext,
  database: DatabaseConnection,
  log: PostgresLog,
): Promise<number> {
  await ensureTopic(database, { name: 'backlog', partitions: PARTITIONS })
  const count = context.isQuick ? 20_000 : 100_000
  for (let n = 0; n < count; n += 1_000) await log.publish('backlog', eventsOf(1_000))
  let group = 0
  const round = async (): Promise<number> => {
    let seen = 0
    const done = Promise.withResolvers<void>()
    const startMs = systemClock.nowMs()
    const consumer = createConsumer({
      log,
      topic: 'backlog',
      group: `round${++group}`,
      handler: {
        async batch(events) {
          seen += events.length
          if (seen >= count) done.resolve()
        },
      },
    })
    await consumer.start()
    await done.promise
    const perSecond = (count * 1e3) / (systemClock.nowMs() - startMs)
    await consumer.stop()
    return perSecond
  }
  const rounds = context.isQuick ? 3 : 7
  await round()
  const clean: number[] = []
  const held: number[] = []
  for (let n = 0; n < rounds; n++) clean.push(await round())
  const gate = Promise.withResolvers<void>()
  const holder = database.transaction(
    async (tx) => {
      await tx.query('select 1 from pg_class limit 1')
      await gate.promise
    },
    { isolation: 'repeatable read' },
  )
  for (let n = 0; n < rounds; n++) held.push(await round())
  gate.resolve()
  await holder
  for (const perSecond of clean) context.keep('consume', { perSecond })
  for (const perSecond of held) context.keep('consumeHeldSnapshot', { perSecond })
  return median(held) / median(clean)
}
