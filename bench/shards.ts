import { readFileSync } from 'node:fs'
import { Client, Pool } from 'pg'
import { systemClock } from '../src/core/clock.ts'
import { uniqueId } from '../src/core/random.ts'
import { initialMap } from '../src/shards/initial-map.ts'
import type { ShardMap } from '../src/shards/shard-map.ts'
import { placeOf } from '../src/shards/shard-map.ts'
import type { ShardedDatabase } from '../src/shards/sharded-database.ts'
import { createShardedDatabase } from '../src/shards/sharded-database.ts'
import { guardTables, installShard } from '../src/shards/shard-layout.ts'
import { connectDatabase } from '../src/sql/database.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome, Figures } from './benchmark.ts'
import { interleave, median, spread } from './benchmark.ts'
import { measureScatter } from './shards/measure-scatter.ts'
import { withScratchCluster } from './servers/scratch-cluster.ts'

const CALLERS = 32
const SHARDS = 4
const USERS = 4_000
const ORDERS_PER_USER = 5
const CONNECTIONS = 10
const READ = 'select id, cents, note from "order" where user_id = $1 and id = $2'
const TABLE = 'user_id bigint, id bigint, cents int not null, note text, primary key (user_id, id)'

export const benchmark: Benchmark = {
  name: 'shards',
  description:
    'routed reads and writes against pg with one pipelined connection and pg.Pool; queries over all shards; what finding the shard costs',
  run(context) {
    return withScratchCluster({ name: 'orders' }, context.signal, async (cluster) => {
      const shards = await createShards(cluster.url(), cluster.adminUrl())
      try {
        return await compare(context, shards)
      } finally {
        await shards.end()
      }
    })
  },
}

interface Shards {
  readonly map: ShardMap
  readonly urls: readonly string[]
  readonly client: ShardedDatabase<unknown, number>
  end(): Promise<void>
}

/** Four databases of one server, so that the machine is shared by as many processes as with one. */
async function createShards(url: string, adminUrl: string): Promise<Shards> {
  const map = initialMap({ by: 'hash', count: SHARDS }, { column: 'user_id', type: 'integer' })
  const admin = connectDatabase({ url: adminUrl, connectionsMax: 1 })
  const urls: string[] = []
  for (let shard = 0; shard < SHARDS; shard++) {
    const its = new URL(url)
    its.pathname = `orders_${shard}`
    await admin.query(`create database orders_${shard} owner orders`)
    urls.push(its.href)
    await fill(its.href, shard, map)
  }
  await admin.end()
  const client = createShardedDatabase<unknown, number>({
    shards: SHARDS,
    connect: (shard, guard) => connectDatabase({ url: urls[shard] as string, connectionsMax: CONNECTIONS }, { guard }),
  })
  return { map, urls, client, end: () => client.end() }
}

async function fill(url: string, shard: number, map: ShardMap): Promise<void> {
  const database = connectDatabase({ url, connectionsMax: 1 })
  try {
    await database.query(`create table "order" (${TABLE})`)
    await installShard(database, shard, map)
    await guardTables(database, map)
    await database.query(`create table unguarded (${TABLE})`)
    const users = Array.from({ length: USERS }, (_, user) => user).filter((user) => placeOf(map, user).shard === shard)
    await database.query(
      `insert into "order" select user_id, id, (user_id * 7919 + id * 104729) % 10000, 'note ' || id
       from unnest($1::bigint[]) user_id, generate_series(1, $2::int) id`,
      [users, ORDERS_PER_USER],
    )
    await database.query('insert into unguarded select * from "order"')
    await database.query('vacuum analyze "order", unguarded')
  } finally {
    await database.end()
  }
}

interface Trial {
  readonly perSecond: number
  /** Of this process: the server's are the same for all. */
  readonly perCpuSecond: number
}

async function compare(context: BenchmarkContext, { urls, client, map }: Shards): Promise<BenchmarkOutcome> {
  const url = urls[0] as string
  // All on one shard, so that it is what one connection, or one pool, can do.
  const users = Array.from({ length: USERS }, (_, user) => user).filter((user) => placeOf(map, user).shard === 0)
  const lane = new Client({ connectionString: url, pipeline: true })
  await lane.connect()
  const pool = new Pool({ connectionString: url, max: CONNECTIONS })
  const direct = connectDatabase({ url, connectionsMax: CONNECTIONS })
  try {
    const scatter = await measureScatter(context, client, urls)
    let next = 0
    const user = (): number => users[next++ % users.length] as number
    const id = (): number => 1 + (next % ORDERS_PER_USER)
    const write = (table: string): string => `insert into ${table} (user_id, id, cents, note) values ($1, $2, 1, $3)`
    const note = uniqueId()
    const fresh = (): number => 1_000 + next
    const variants = {
      routed: () => {
        const key = user()
        return client.shard(key).query(READ, [key, id()])
      },
      rawOneLane: () => lane.query({ name: 'read', text: READ, values: [user(), id()] }),
      pool: () => pool.query({ name: 'read', text: READ, values: [user(), id()] }),
      unrouted: () => direct.query(READ, [user(), id()]),
      kysely: () => {
        const key = user()
        return (
          client as ShardedDatabase<{ order: { user_id: number; id: number; cents: number; note: string } }, number>
        )
          .shard(key)
          .db.selectFrom('order')
          .select(['id', 'cents', 'note'])
          .where('user_id', '=', key)
          .where('id', '=', id())
          .execute()
      },
      write: () => {
        const key = user()
        return client.shard(key).query(write('"order"'), [key, fresh(), note])
      },
      unguardedWrite: () => direct.query(write('unguarded'), [user(), fresh(), note]),
    }
    const [rounds, ms] = context.isQuick ? [7, 400] : [11, 2_000]
    context.log(`${CALLERS} callers, ${rounds} rounds of ${ms} ms each`)
    for (const work of Object.values(variants)) await run(work, ms, context.signal)
    const trials = await interleave(
      rounds,
      Object.fromEntries(
        Object.entries(variants).map(([name, work]) => [
          name,
          async () => {
            const trial = await run(work, ms, context.signal)
            context.keep(name, { ...trial })
            return trial
          },
        ]),
      ) as Record<keyof typeof variants, () => Promise<Trial>>,
    )
    const ratio = (a: keyof typeof variants, b: keyof typeof variants, figure: keyof Trial): number =>
      median(trials[a].map((trial, round) => trial[figure] / (trials[b][round] as Trial)[figure]))
    const of = (name: keyof typeof variants, figure: keyof Trial): number =>
      median(trials[name].map((trial) => trial[figure]))
    return {
      figures: {
        routedVsRawOneLane: ratio('routed', 'rawOneLane', 'perSecond'),
        routedVsRawOneLanePerCpu: ratio('routed', 'rawOneLane', 'perCpuSecond'),
        routedVsUnrouted: ratio('routed', 'unrouted', 'perSecond'),
        pipelinedVsPool: ratio('routed', 'pool', 'perSecond'),
        pipelinedVsPoolPerCpu: ratio('routed', 'pool', 'perCpuSecond'),
        fencedWriteRatio: ratio('write', 'unguardedWrite', 'perSecond'),
        ...routerOverhead(map),
        ...scatter,
        routedReadsPerSecond: of('routed', 'perSecond'),
        routedReadsSpread: spread(trials.routed.map(({ perSecond }) => perSecond)),
        kyselyReadsPerSecond: of('kysely', 'perSecond'),
        writesPerSecond: of('write', 'perSecond'),
      },
      peers: (['rawOneLane', 'pool'] as const).map((name) => ({
        name: name === 'pool' ? 'pg.Pool' : 'pg, one pipelined connection',
        ran: true,
        version: versionOfPg(),
        figures: { readsPerSecond: of(name, 'perSecond'), readsPerCpuSecond: of(name, 'perCpuSecond') },
      })),
    }
  } finally {
    await Promise.all([pool.end(), lane.end(), direct.end()])
  }
}

/** Callers that ask again as soon as they have been answered, for so long. */
async function run(work: () => Promise<unknown>, ms: number, signal: AbortSignal): Promise<Trial> {
  const cpu = process.cpuUsage()
  const startMs = systemClock.nowMs()
  let count = 0
  async function call(): Promise<void> {
    while (systemClock.nowMs() - startMs < ms) {
      signal.throwIfAborted()
      await work()
      count++
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, call))
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (count * 1e3) / (systemClock.nowMs() - startMs), perCpuSecond: (count * 1e6) / (user + system) }
}

/** From a key to its shard, the mean of each of many batches. */
function routerOverhead(map: ShardMap): Figures {
  const [batches, size] = [201, 1_000]
  const keys = Array.from({ length: size }, (_, n) => n * 7_919)
  let seen = 0
  const means = Array.from({ length: batches }, () => {
    const startMs = systemClock.nowMs()
    for (const key of keys) seen += placeOf(map, key).shard
    return ((systemClock.nowMs() - startMs) * 1e6) / size
  })
  if (seen === 0) throw new Error('expected keys on every shard')
  return { routerOverheadNsP50: median(means) }
}

function versionOfPg(): string {
  const file = new URL('package.json', import.meta.resolve('pg/package.json'))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
