import { readFileSync } from 'node:fs'
import { Client, Pool } from 'pg'
import { systemClock } from '../src/core/clock.ts'
import { connectDatabase } from '../src/sql/database.ts'
import type { Benchmark, BenchmarkContext, BenchmarkOutcome } from './benchmark.ts'
import { interleave, median, spread } from './benchmark.ts'
import { withScratchCluster } from './servers/scratch-cluster.ts'

const CALLERS = 32
const ROWS = 10_000
const CONNECTIONS = 10
const READ = 'select id, name, cents from item where id = $1'
const WRITE = 'update item set cents = cents + 1 where id = $1'

export const benchmark: Benchmark = {
  name: 'sql',
  description:
    'short reads on lanes against pg with one pipelined connection and against pg.Pool, and what else handles do',
  run(context) {
    return withScratchCluster({ name: 'shop' }, context.signal, (cluster) => compare(context, cluster.url()))
  },
}

interface Trial {
  readonly perSecond: number
  /** Of this process: the server's are the same for all. */
  readonly perCpuSecond: number
}

async function compare(context: BenchmarkContext, url: string): Promise<BenchmarkOutcome> {
  const database = connectDatabase<{ item: { id: number; name: string; cents: number } }>({
    url,
    connectionsMax: CONNECTIONS,
  })
  const pool = new Pool({ connectionString: url, max: CONNECTIONS })
  const lane = new Client({ connectionString: url, pipeline: true })
  await lane.connect()
  try {
    await database.query('create table item (id int primary key, name text not null, cents int not null)')
    await database.query(`insert into item select n, 'item ' || n, n from generate_series(0, $1::int - 1) n`, [ROWS])
    await database.query('vacuum analyze item')
    let next = 0
    const id = (): number => next++ % ROWS
    const variants = {
      lanes: () => database.query(READ, [id()]),
      pgPipelined: () => lane.query(READ, [id()]),
      pgPool: () => pool.query(READ, [id()]),
      kysely: () => database.db.selectFrom('item').selectAll().where('id', '=', id()).execute(),
      view: () => database.read().query(READ, [id()]),
      write: () => database.query(WRITE, [id()]),
      pgPoolWrite: () => pool.query(WRITE, [id()]),
      transaction: () => database.transaction((tx) => tx.query(WRITE, [id()])),
    }
    const [rounds, ms] = context.isQuick ? [5, 500] : [9, 2_000]
    context.log(`${CALLERS} callers, ${rounds} rounds of ${ms} ms each`)
    for (const work of Object.values(variants)) await run(work, ms / 2, context.signal)
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
        laneVsPipelinedPerCpu: ratio('lanes', 'pgPipelined', 'perCpuSecond'),
        laneVsPoolPerCpu: ratio('lanes', 'pgPool', 'perCpuSecond'),
        laneVsPipelinedPerSecond: ratio('lanes', 'pgPipelined', 'perSecond'),
        laneVsPoolPerSecond: ratio('lanes', 'pgPool', 'perSecond'),
        viewVsLanePerCpu: ratio('view', 'lanes', 'perCpuSecond'),
        writeVsPoolPerCpu: ratio('write', 'pgPoolWrite', 'perCpuSecond'),
        laneReadsPerSecond: of('lanes', 'perSecond'),
        laneReadsPerCpuSecond: of('lanes', 'perCpuSecond'),
        laneReadsSpread: spread(trials.lanes.map(({ perCpuSecond }) => perCpuSecond)),
        kyselyReadsPerCpuSecond: of('kysely', 'perCpuSecond'),
        writesPerSecond: of('write', 'perSecond'),
        transactionsPerSecond: of('transaction', 'perSecond'),
      },
      peers: (['pgPipelined', 'pgPool'] as const).map((name) => ({
        name,
        ran: true,
        version: versionOfPg(),
        figures: { readsPerSecond: of(name, 'perSecond'), readsPerCpuSecond: of(name, 'perCpuSecond') },
      })),
    }
  } finally {
    await Promise.all([database.end(), pool.end(), lane.end()])
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

function versionOfPg(): string {
  const file = new URL('package.json', import.meta.resolve('pg/package.json'))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
