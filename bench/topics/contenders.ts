import { bullMqPostgres, bullMqRedis } from '../peers/bullmq.ts'
import { graphileWorker } from '../peers/graphile-worker.ts'
import { pgBoss } from '../peers/pg-boss.ts'
import type { Contender } from './contender.ts'
import { tenfold } from './tenfold.ts'

/** All that are measured side by side; ours first. */
export const contenders: readonly Contender[] = [tenfold, pgBoss, graphileWorker, bullMqPostgres, bullMqRedis]

/** What needs Redis instead of a database. */
export const onRedis: Contender = bullMqRedis

/** Why a contender can't be measured here; undefined: it can. */
export async function whyAbsent(contender: Contender, redisUrl: string | undefined): Promise<string | undefined> {
  if ((await contender.version()) === undefined) return contender.absence
  return contender === onRedis && redisUrl === undefined ? 'there is no redis-server on the PATH' : undefined
}
