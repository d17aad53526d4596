import { Pool } from 'pg'
import { systemClock } from '../../src/core/clock.ts'
import type { ShardedDatabase } from '../../src/shards/sharded-database.ts'
import type { BenchmarkContext, Figures } from '../benchmark.ts'
import { interleave, median } from '../benchmark.ts'

interface Tables {
  order: { user_id: string; id: string; cents: number; note: string }
}

const LIMIT = 50
const BY_HAND = `select * from "order" order by user_id, id limit ${LIMIT}`

/**
 * The first rows of all shards by one caller, merged, against somebody who knows that nothing moves, asks each shard with pg
 * and merges by hand; and what is counted in all shards.
 */
export async function measureScatter(
  { isQuick, keep, signal }: BenchmarkContext,
  client: ShardedDatabase<unknown, number>,
  urls: readonly string[],
): Promise<Figures> {
  const typed = client as ShardedDatabase<Tables, number>
  const pools = urls.map((connectionString) => new Pool({ connectionString, max: 2 }))
  const variants = {
    merged: () =>
      typed.all().db.selectFrom('order').selectAll().orderBy('user_id').orderBy('id').limit(LIMIT).execute(),
    byHand: async () => {
      const answers = await Promise.all(pools.map((pool) => pool.query<Tables['order']>(BY_HAND)))
      const rows = answers.flatMap((answer) => answer.rows)
      return rows
        .toSorted((a, b) => Number(a.user_id) - Number(b.user_id) || Number(a.id) - Number(b.id))
        .slice(0, LIMIT)
    },
    counted: () =>
      typed
        .all()
        .db.selectFrom('order')
        .select(({ fn }) => [fn.countAll().as('n'), fn.avg('cents').as('mean')])
        .execute(),
  }
  const [rounds, times] = isQuick ? [5, 40] : [11, 200]
  try {
    const trials = await interleave(
      rounds,
      Object.fromEntries(
        Object.entries(variants).map(([name, work]) => [
          name,
          async () => {
            const msP50 = await latency(work, times, signal)
            keep(name, { msP50 })
            return msP50
          },
        ]),
      ) as Record<keyof typeof variants, () => Promise<number>>,
    )
    return {
      scatterMergeMsP50: median(trials.merged),
      scatterByHandMsP50: median(trials.byHand),
      scatterCountMsP50: median(trials.counted),
    }
  } finally {
    await Promise.all(pools.map((pool) => pool.end()))
  }
}

async function latency(work: () => Promise<unknown>, times: number, signal: AbortSignal): Promise<number> {
  const tookMs: number[] = []
  for (let time = 0; time < times; time++) {
    signal.throwIfAborted()
    const startMs = systemClock.nowMs()
    await work()
    tookMs.push(systemClock.nowMs() - startMs)
  }
  return median(tookMs)
}
