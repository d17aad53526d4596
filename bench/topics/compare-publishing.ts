import { systemClock } from '../../src/core/clock.ts'
import { uniqueId } from '../../src/core/random.ts'
import type { DatabaseConnection } from '../../src/sql/database.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import { ensureTopic, installLayout } from '../../src/topics/logs/postgres/layout.ts'
import { createPostgresLog } from '../../src/topics/logs/postgres/postgres-log.ts'
import type { BenchmarkContext, Figures } from '../benchmark.ts'
import { interleave, median } from '../benchmark.ts'

const CALLERS = 16
const PAYLOAD = JSON.stringify({ user_id: 'user-7', items: [1, 2, 3], note: 'x'.repeat(100) })

/** Publishing against inserting the same into a plain table: by many callers at once, by one, and in a transaction. */
export async function comparePublishing(context: BenchmarkContext, url: string): Promise<Figures> {
  const database = connectDatabase({ url, connectionsMax: CALLERS + 6 })
  const log = createPostgresLog(database)
  try {
    await installLayout(database)
    await ensureTopic(database, { name: 'measured', partitions: 12 })
    await database.query(
      `create table plain (id bigint generated always as identity, message_id uuid not null, at timestamptz default now(),
       key text, headers text, payload text not null, primary key (id))`,
    )
    const insert = (runner: Pick<DatabaseConnection, 'query'> = database): Promise<unknown> =>
      runner.query('insert into plain (message_id, key, headers, payload) values ($1, $2, $3, $4)', [
        uniqueId(),
        uniqueId(),
        null,
        PAYLOAD,
      ])
    const [rounds, ms] = context.isQuick ? [3, 250] : [9, 2_000]
    const variant = (callers: number, work: () => Promise<unknown>) => async () => {
      context.signal.throwIfAborted()
      return repeat(callers, work, ms)
    }
    const variants = {
      insert: variant(CALLERS, () => insert()),
      publish: variant(CALLERS, () => log.publish('measured', eventsOf(1))),
      publish10: variant(CALLERS, () => log.publish('measured', eventsOf(10))),
      insertAlone: variant(1, () => insert()),
      publishAlone: variant(1, () => log.publish('measured', eventsOf(1))),
      insertInTransaction: variant(CALLERS, () => database.transaction((transaction) => insert(transaction))),
      publishInTransaction: variant(CALLERS, () =>
        database.transaction((transaction) => log.publish('measured', eventsOf(1), { transaction })),
      ),
    }
    await interleave(1, variants)
    const rates = await interleave(rounds, variants)
    for (const [name, trials] of Object.entries(rates))
      for (const perSecond of trials) context.keep(name, { perSecond })
    const ratio = (one: keyof typeof rates, other: keyof typeof rates): number =>
      median(rates[one].map((rate, round) => rate / (rates[other][round] as number)))
    return {
      publishVsInsert: ratio('publish', 'insert'),
      publishVsInsertAlone: ratio('publishAlone', 'insertAlone'),
      publishVsInsertInTransaction: ratio('publishInTransaction', 'insertInTransaction'),
      insertPerSecond: median(rates.insert),
      publishPerSecondBatch10: 10 * median(rates.publish10),
    }
  } finally {
    await log.end()
    await database.end()
  }
}

const eventsOf = (count: number) =>
  Array.from({ length: count }, () => ({ messageId: uniqueId(), key: uniqueId(), payload: PAYLOAD }))

/** Callers that go on as soon as they can; calls a second. */
export async function repeat(callers: number, work: () => Promise<unknown>, ms: number): Promise<number> {
  const startMs = systemClock.nowMs()
  let count = 0
  const caller = async (): Promise<void> => {
    while (systemClock.nowMs() - startMs < ms) {
      await work()
      count++
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return (count * 1e3) / (systemClock.nowMs() - startMs)
}
