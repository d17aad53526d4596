import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Subprocess, Subprocesses } from '../core/subprocess.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import type { SeedMessage } from './seed-message.ts'
import { SEED_VARIABLES, parseSeedMessage } from './seed-message.ts'
import { readLogTail, sizeOf } from './start-failure.ts'
import { keepFromServices } from './service-roles.ts'

/** A seed module to run. */
interface Seed {
  /** What it is remembered by, for ever: its path relative to the blueprint, say. Never an absolute path. */
  readonly key: string
  /** The module, absolute; `user` must be able to read it and what it imports. */
  readonly file: string
}

/** What seeds run with. */
export interface SeedOptions {
  /** Name of the database: seeds the seeds' chance. */
  database: string
  /** Name of the shard, where it is one: rows of other shards are left out. @default it is the whole database */
  shard?: string | undefined
  /** Its URL, as owner: `Cluster.url()`. */
  url: string
  /** Run in this order, each in a transaction of its own. */
  seeds: readonly Seed[]
  subprocesses: Subprocesses
  /** File that the seeds' output is appended to. */
  logFile: string
  user?: ChildUser | undefined
  /** The Node to run them with; `user` must be able to execute it. @default the one that runs us */
  node?: string
  /** `seed-process.ts` or `.js` of a copy of this package that `user` can read. @default the one beside this file */
  program?: string
  /** @default the machine's clock */
  clock?: Clock
  onProgress?: (progress: { key: string; message: string }) => void
  /** Ends the work at once; nothing of the seed that runs remains. */
  signal?: AbortSignal | undefined
}

const POLL_MS = 50

const CREATE_TABLE = `
  select pg_advisory_xact_lock(hashtextextended('tenfold seed', 0));
  create schema if not exists tenfold;
  create table if not exists tenfold.seed (
    key        text primary key,
    applied_at timestamptz not null default clock_timestamp()
  );
  ${keepFromServices('tenfold.seed')}`

/**
 * Runs the seeds that have not run yet: each in a child process as `user`, in one transaction that also records it in
 * `tenfold.seed`, so it happens once, whole or not at all, whenever anything is killed. Afterwards the tables are
 * vacuumed and analysed, so that autovacuum does not do it in the middle of the first peak.
 *
 * @returns how many ran now
 * @throws TF_SEED_FAILED what the module threw or the server said; nothing of that seed remains, the ones before it do
 * @throws TF_ABORTED
 * @example await runSeeds({ database: 'orders', url: cluster.url(), seeds: [{ key: 'seed.ts', file: '/app/seed.ts' }], subprocesses, logFile })
 */
export async function runSeeds(options: SeedOptions): Promise<number> {
  if (options.seeds.length === 0) return 0
  const connection = connectDatabase({ url: options.url, connectionsMax: 1 }, { applicationName: 'tenfold seeds' })
  try {
    await connection.transaction((tx) => tx.query(CREATE_TABLE))
    const { rows } = await connection.query<{ key: string }>('select key from tenfold.seed')
    const applied = new Set(rows.map(({ key }) => key))
    const pending = options.seeds.filter(({ key }) => !applied.has(key))
    for (const seed of pending) {
      if (options.signal?.aborted === true) throw cancelled(seed)
      await runSeed(seed, options)
    }
    if (pending.length > 0) await vacuumTables(connection)
    return pending.length
  } finally {
    await connection.end()
  }
}

async function runSeed(seed: Seed, options: SeedOptions): Promise<void> {
  const { logFile, signal } = options
  const program = options.program ?? programBesideUs()
  const logStart = await sizeOf(logFile)
  const child = await options.subprocesses.spawn({
    name: `${options.shard ?? options.database}-seed`,
    command: options.node ?? process.execPath,
    args: [...(extname(program) === '.ts' ? ['--conditions=tenfold-source'] : []), program],
    env: {
      PATH: '/usr/bin:/bin',
      [SEED_VARIABLES.url]: options.url,
      [SEED_VARIABLES.module]: seed.file,
      [SEED_VARIABLES.key]: seed.key,
      [SEED_VARIABLES.database]: options.database,
      [SEED_VARIABLES.isShard]: options.shard === undefined ? 'no' : 'yes',
    },
    cwd: '/',
    user: options.user,
    outputFile: logFile,
  })
  const cancel = (): void => void child.stop(0)
  signal?.addEventListener('abort', cancel, { once: true })
  if (signal?.aborted === true) cancel()
  try {
    const last = await follow(child, logStart, seed, options)
    if (signal?.aborted === true) throw cancelled(seed)
    const exit = await child.exited
    if (last?.seed !== 'done' || exit.code !== 0) throw await failed(seed, last, logFile, logStart)
  } finally {
    signal?.removeEventListener('abort', cancel)
    await child.stop(0)
  }
}

/** Passes the messages of the child on until it ends, and returns the last one. */
async function follow(
  child: Subprocess,
  logStart: number,
  seed: Seed,
  options: SeedOptions,
): Promise<SeedMessage | undefined> {
  const clock = options.clock ?? systemClock
  let last: SeedMessage | undefined
  let offset = logStart
  let hasExited = false
  const exited = child.exited.then(() => void (hasExited = true))
  for (;;) {
    // Looked at before reading: what was written before the end is then read for certain.
    const isLastRead = hasExited
    const { lines, nextOffset } = await readLines(options.logFile, offset)
    offset = nextOffset
    for (const line of lines) {
      const message = parseSeedMessage(line)
      if (message === undefined) continue
      last = message
      if (message.seed === 'progress') options.onProgress?.({ key: seed.key, message: message.message })
    }
    if (isLastRead) return last
    const { promise: tick, resolve } = Promise.withResolvers<void>()
    const cancel = clock.schedule(POLL_MS, resolve)
    await Promise.race([tick, exited])
    cancel()
  }
}

async function readLines(file: string, offset: number): Promise<{ lines: readonly string[]; nextOffset: number }> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.max(0, size - offset)), { position: offset })
    const end = buffer.lastIndexOf(10, bytesRead - 1) + 1
    return { lines: buffer.toString('utf8', 0, end).split('\n'), nextOffset: offset + end }
  } finally {
    await handle.close()
  }
}

async function failed(
  seed: Seed,
  last: SeedMessage | undefined,
  logFile: string,
  logStart: number,
): Promise<TenfoldError> {
  const isTold = last?.seed === 'failed'
  const reason = isTold ? last.message : (await readLogTail(logFile, logStart)).join('\n')
  return new TenfoldError('TF_SEED_FAILED', `expected seed ${seed.key} to end, but: ${reason}`, {
    hint: (isTold ? last.hint : undefined) ?? `correct ${seed.file} and start again; nothing of it was kept`,
    details: { key: seed.key, file: seed.file, logFile },
  })
}

function cancelled(seed: Seed): TenfoldError {
  return new TenfoldError('TF_ABORTED', `expected seed ${seed.key} to end, but it was cancelled`)
}

async function vacuumTables(connection: DatabaseConnection): Promise<void> {
  const { rows } = await connection.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'm') and c.relpersistence = 'p' and pg_has_role(c.relowner, 'USAGE')
        and n.nspname not in ('pg_catalog', 'information_schema')`,
  )
  for (const { schema, name } of rows) {
    await connection.query(`vacuum (analyze) ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`)
  }
}

/** From sources in a checkout, from `dist` otherwise. */
function programBesideUs(): string {
  return fileURLToPath(new URL(`./seed-process${extname(import.meta.url)}`, import.meta.url))
}
