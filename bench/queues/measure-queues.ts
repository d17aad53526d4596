import { systemClock } from '../../src/core/clock.ts'
import { uniqueId } from '../../src/core/random.ts'
import { createItemId } from '../../src/queues/item-id.ts'
import type { NewItem } from '../../src/queues/queue-engine.ts'
import { ensureQueue, installQueues } from '../../src/queues/queues/postgres/layout.ts'
import { createPostgresQueues } from '../../src/queues/queues/postgres/postgres-queues.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import type { DatabaseConnection } from '../../src/sql/database.ts'
import type { BenchmarkContext, Figures } from '../benchmark.ts'
import { interleave, median } from '../benchmark.ts'
import { repeat } from '../topics/compare-publishing.ts'

const CALLERS = 16
const PAYLOAD = JSON.stringify({ user_id: 'user-7', items: [1, 2, 3], note: 'x'.repeat(100) })

const items = (count: number): readonly NewItem[] =>
  Array.from({ length: count }, () => ({ itemId: createItemId(systemClock), priority: 'normal', payload: PAYLOAD }))

/** Putting in against inserting the same into a plain table. */
export async function compareEnqueuing(context: BenchmarkContext, url: string): Promise<Figures> {
  const database = connectDatabase({ url, connectionsMax: CALLERS + 6 })
  const engine = createPostgresQueues(database)
  try {
    await installQueues(database)
    await ensureQueue(database, { name: 'measured' })
    await database.query(
      `create table plain (id bigint generated always as identity, message_id uuid not null, at timestamptz default now(),
       key text, headers text, payload text not null, primary key (id))`,
    )
    const insert = (runner: Pick<DatabaseConnection, 'query'> = database): Promise<unknown> =>
      runner.query('insert into plain (message_id, key, headers, payload) values ($1, $2, $3, $4)', [
        uniqueId(),
        null,
        null,
        PAYLOAD,
      ])
    const ms = context.isQuick ? 250 : 1_500
    const variant = (work: () => Promise<unknown>) => async () => {
      context.signal.throwIfAborted()
      return repeat(CALLERS, work, ms)
    }
    const variants = {
      insert: variant(() => insert()),
      enqueue: variant(() => engine.enqueue('measured', items(1))),
      enqueue10: variant(() => engine.enqueue('measured', items(10))),
      insertInTransaction: variant(() => database.transaction((transaction) => insert(transaction))),
      enqueueInTransaction: variant(() =>
        database.transaction((transaction) => engine.enqueue('measured', items(1), { transaction })),
      ),
    }
    await interleave(1, variants)
    const rates = await interleave(context.isQuick ? 4 : 7, variants)
    for (const [name, trials] of Object.entries(rates))
      for (const perSecond of trials) context.keep(name, { perSecond })
    const ratio = (one: keyof typeof rates, other: keyof typeof rates): number =>
      median(rates[one].map((rate, round) => rate / (rates[other][round] as number)))
    return {
      enqueueVsInsert: ratio('enqueue', 'insert'),
      enqueueVsInsertInTransaction: ratio('enqueueInTransaction', 'insertInTransaction'),
      enqueuePerSecondBatch10: 10 * median(rates.enqueue10),
    }
  } finally {
    await engine.end()
    await database.end()
  }
}

/** How long a claim takes where so many items wait, and another is put before all of them. */
export async function measureBacklog(context: BenchmarkContext, url: string, count: number): Promise<Figures> {
  const database = connectDatabase({ url, connectionsMax: 4 })
  const engine = createPostgresQueues(database)
  try {
    await installQueues(database)
    await ensureQueue(database, { name: 'backlog' })
    const fill = async (): Promise<void> => {
      for (let n = 0; n < count / 2; n += 5_000) {
        context.signal.throwIfAborted()
        await engine.enqueue('backlog', items(5_000))
      }
    }
    await Promise.all([fill(), fill()])
    const worker = await engine.join('backlog', { claimedMax: 100 })
    const claimMs: number[] = []
    const urgentMs: number[] = []
    for (let n = 0; n < 50; n++) {
      let startMs = systemClock.nowMs()
      const claimed = await worker.claim(100)
      claimMs.push(systemClock.nowMs() - startMs)
      await worker.complete(claimed)
      startMs = systemClock.nowMs()
      const [urgent] = items(1) as [NewItem]
      await engine.enqueue('backlog', [{ ...urgent, priority: 'urgent' }])
      const [first] = await worker.claim(1)
      if (first?.itemId !== urgent.itemId) throw new Error('expected the urgent item to be claimed before all others')
      urgentMs.push(systemClock.nowMs() - startMs)
      await worker.complete([first])
    }
    await worker.leave()
    return { backlogItems: count, claim100BacklogMsP50: median(claimMs), urgentBacklogMsP50: median(urgentMs) }
  } finally {
    await engine.end()
    await database.end()
  }
}
