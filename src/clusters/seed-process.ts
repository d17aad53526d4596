import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Client } from 'pg'
import type { SeedContext, SeedModule } from '../blueprint/seed.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import { seededRandom } from '../core/random.ts'
import { copyRows } from './copy-rows.ts'
import type { RowsHere } from './rows-here.ts'
import { ALL_ROWS, rowsOfShard } from './rows-here.ts'
import type { SeedMessage } from './seed-message.ts'
import { SEED_VARIABLES, formatSeedMessage } from './seed-message.ts'

/** A program of its own, so that a seed module runs as the unprivileged user and can be stopped; see `seed.ts`. */
await main()

async function main(): Promise<void> {
  try {
    await runSeed()
    tell({ seed: 'done' })
  } catch (error) {
    const known = error instanceof TenfoldError ? error : undefined
    tell({ seed: 'failed', code: known?.code, message: describe(error), hint: known?.hint })
    process.exitCode = 1
  }
}

async function runSeed(): Promise<void> {
  const [url, file, key, database] = [variable('url'), variable('module'), variable('key'), variable('database')]
  const isShard = variable('isShard') === 'yes'
  const seed = await loadSeed(file)
  const client = new Client({ connectionString: url, application_name: 'tenfold seed' })
  client.on('error', () => {
    // Every query rejects with it too.
  })
  await client.connect()
  try {
    await client.query('begin')
    // Two runners at once: the second waits here and then finds the record.
    await client.query(`select pg_advisory_xact_lock(hashtextextended('tenfold seed ' || $1, 0))`, [key])
    const { rowCount } = await client.query('select from tenfold.seed where key = $1', [key])
    if (rowCount === 0) {
      await seed(contextFor(client, database, isShard ? await rowsOfShard(client) : ALL_ROWS))
      await client.query('insert into tenfold.seed (key) values ($1)', [key])
    }
    const { command } = await client.query('commit')
    if (command !== 'COMMIT') {
      throw new TenfoldError('TF_SEED_FAILED', 'expected the seed to commit, but one of its statements had failed', {
        hint: 'await every call of copy and execute, and let their errors pass',
      })
    }
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function loadSeed(file: string): Promise<SeedModule['seed']> {
  const module = (await import(pathToFileURL(file).href)) as Partial<SeedModule>
  if (typeof module.seed === 'function') return module.seed
  throw new TenfoldError('TF_SEED_FAILED', `expected ${file} to export a function seed, got ${typeof module.seed}`, {
    hint: 'write "export async function seed(context: SeedContext) { … }"',
  })
}

function contextFor(client: Client, database: string, here: RowsHere): SeedContext {
  return {
    copy: (table, columns, rows) => copyRows(client, table, columns, here.of(columns, rows)),
    has: (key) => here.has(key),
    async execute(sql) {
      await client.query(sql)
    },
    random: seededRandom(0).fork(database),
    progress: (message) => tell({ seed: 'progress', message }),
  }
}

/** Written at once, so that nothing is lost when the process ends. */
function tell(message: SeedMessage): void {
  writeSync(1, formatSeedMessage(message))
}

function variable(name: keyof typeof SEED_VARIABLES): string {
  const value = process.env[SEED_VARIABLES[name]]
  if (value === undefined)
    throw new Error(`expected ${SEED_VARIABLES[name]} to be set: this program is started by Tenfold`)
  return value
}

/** The server tells in `where` which line of a COPY it means. */
function describe(error: unknown): string {
  const place = error instanceof Error && 'where' in error && typeof error.where === 'string' ? ` (${error.where})` : ''
  const detail =
    error instanceof Error && 'detail' in error && typeof error.detail === 'string' ? `; ${error.detail}` : ''
  return `${messageOf(error)}${detail}${place}`
}
