import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { sleep, systemClock } from '../core/clock.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError, hasCode, messageOf } from '../core/errors.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { isServerError } from '../sql/sql-failure.ts'
import type { Transaction } from '../sql/transaction.ts'
import type { AppliedMigration, MigrationFile } from './migration-plan.ts'
import { planMigrations } from './migration-plan.ts'
import { lineAt, splitStatements, transactionControl } from './sql-statements.ts'
import { keepFromServices } from './service-roles.ts'

/** What `migrate` says while it works. */
interface MigrationProgress {
  /** Path of the file that is about to be applied. */
  readonly file: string
  /** 1 for the first one of this run. */
  readonly number: number
  readonly total: number
}

/** What `migrate` takes besides. */
export interface MigrationOptions {
  onProgress?: (progress: MigrationProgress) => void
  /**
   * How long a statement waits for a lock. While it waits, everybody who comes after it waits too; so it gives up soon, lets
   * them go, and the file is tried again, six times in all. @default '3s'
   */
  lockTimeout?: Duration
  /** Ends the work before the next file. */
  signal?: AbortSignal | undefined
  clock?: Clock
}

/** Bounds the number of files, against a directory that is not meant. */
const FILES_MAX = 10_000
const LOCK_TRIES = 6
const LOCK_PAUSE_MS = 1_000
/** Name of the advisory lock, for `pg_locks`: the bytes of "tenfold". */
const LOCK = 0x74656e666f6c64n

const CREATE_TABLE = `
  create schema if not exists tenfold;
  create table if not exists tenfold.migration (
    directory  text not null,
    file       text not null,
    checksum   text not null,
    applied_at timestamptz not null default clock_timestamp(),
    primary key (directory, file)
  );
  ${keepFromServices('tenfold.migration')}`

/** What the server says when it has waited long enough for a lock. */
const LOCKED = '55P03'

interface LoadedMigration extends MigrationFile {
  readonly text: string
}

/**
 * Applies the `*.sql` files of the directories that have not been applied yet: directories in the order given, files in
 * the order of their names, each once and in a transaction of its own, recorded in `tenfold.migration` by the name of
 * its directory and its own. Two runners at once wait for each other. Connect as the owner of the database.
 *
 * @returns how many files were applied now
 * @throws TF_MIGRATION_CHANGED, TF_MIGRATION_MISSING, TF_MIGRATION_ORDER: files and record disagree; nothing was done
 * @throws TF_MIGRATION_LOCKED a table stayed locked; nothing of that file remains
 * @throws TF_MIGRATION_FAILED file, line and what the server said; nothing of that file remains, the ones before it do
 * @throws TF_MIGRATION_INVALID a directory can't be read, or a file begins or ends transactions itself
 * @throws TF_ABORTED
 * @example await migrate(connectDatabase({ url: cluster.url(), connectionsMax: 1 }), ['/app/migrations/orders'])
 */
export async function migrate(
  connection: DatabaseConnection,
  directories: readonly string[],
  options: MigrationOptions = {},
): Promise<number> {
  const files = await loadMigrations(directories)
  await connection.transaction(async (tx) => {
    await takeLock(tx)
    // Under the lock: "if not exists" alone lets two creators collide.
    await tx.query(CREATE_TABLE)
  })
  const total = (await pendingOf(connection, files)).length
  for (let number = 1; ; number++) {
    if (options.signal?.aborted === true) {
      throw new TenfoldError(
        'TF_ABORTED',
        `expected ${total} migrations to be applied, but it was cancelled after ${number - 1}`,
      )
    }
    const onFile = (file: string): void => options.onProgress?.({ file, number, total: Math.max(number, total) })
    if (!(await applyNext(connection, files, options, onFile))) return number - 1
  }
}

/**
 * The files that `migrate` would apply, in order, absolute; nothing is applied.
 *
 * @throws TF_MIGRATION_INVALID, TF_MIGRATION_CHANGED, TF_MIGRATION_MISSING, TF_MIGRATION_ORDER as `migrate`
 */
export async function pendingMigrations(
  connection: DatabaseConnection,
  directories: readonly string[],
): Promise<readonly string[]> {
  const files = await loadMigrations(directories)
  const { rows } = await connection.query<{ isThere: boolean }>(
    `select to_regclass('tenfold.migration') is not null as "isThere"`,
  )
  const pending = rows[0]?.isThere === true ? await pendingOf(connection, files) : files
  return pending.map(({ path }) => path)
}

/** @returns whether there was one */
async function applyNext(
  connection: DatabaseConnection,
  files: readonly LoadedMigration[],
  { lockTimeout = '3s', signal, clock = systemClock }: MigrationOptions,
  onFile: (file: string) => void,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection.transaction(async (tx) => {
        await takeLock(tx)
        // Another runner may have been here since the last look.
        const [next] = await pendingOf(tx, files)
        if (next === undefined) return false
        onFile(next.path)
        // Not for the lock above, which is of another runner.
        await tx.query(`select set_config('lock_timeout', $1, true)`, [`${parseDuration(lockTimeout)}ms`])
        await apply(tx, next)
        return true
      })
    } catch (error) {
      if (!hasCode(error, 'TF_MIGRATION_LOCKED') || attempt === LOCK_TRIES) throw error
      await sleep(clock, LOCK_PAUSE_MS, signal)
    }
  }
}

async function takeLock(tx: Transaction<unknown>): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1)', [LOCK.toString()])
}

async function pendingOf(
  runner: Pick<DatabaseConnection, 'query'>,
  files: readonly LoadedMigration[],
): Promise<readonly LoadedMigration[]> {
  const { rows } = await runner.query<AppliedMigration>('select directory, file, checksum from tenfold.migration')
  return planMigrations(files, rows)
}

async function apply(tx: Transaction<unknown>, migration: LoadedMigration): Promise<void> {
  const statements = splitStatements(migration.text)
  for (const { text, line } of statements) {
    const control = transactionControl(text)
    if (control === undefined) continue
    throw new TenfoldError(
      'TF_MIGRATION_INVALID',
      `expected ${migration.path} to leave its transaction alone, got "${control}" in line ${line}`,
      { hint: 'remove it: every migration runs in a transaction of its own', details: { path: migration.path, line } },
    )
  }
  for (const statement of statements) {
    try {
      await tx.query(statement.text)
    } catch (error) {
      throw failed(migration, statement, error)
    }
  }
  await tx.query('insert into tenfold.migration (directory, file, checksum) values ($1, $2, $3)', [
    migration.directory,
    migration.file,
    migration.checksum,
  ])
}

function failed(migration: LoadedMigration, statement: { text: string; line: number }, error: unknown): unknown {
  // A lost connection and a deadlock are not the file's fault; the transaction is tried again for those.
  if (!isServerError(error) || error.code === '40001' || error.code === '40P01') return error
  const offset = error.position === undefined ? 0 : Number(error.position) - 1
  const line = statement.line + lineAt(statement.text, offset) - 1
  const said = [error.message, error.detail, error.hint].filter((text) => text !== undefined && text !== '').join('; ')
  const isLocked = error.code === LOCKED
  const code = isLocked ? 'TF_MIGRATION_LOCKED' : 'TF_MIGRATION_FAILED'
  return new TenfoldError(code, `expected ${migration.path} to apply, but in line ${line}: ${said}`, {
    hint: isLocked
      ? 'end the transaction that holds the table (select * from pg_stat_activity), and run it again; nothing of it was kept'
      : 'correct the file and start again; nothing of it was kept',
    details: { path: migration.path, line, sqlState: error.code },
    cause: error,
  })
}

async function loadMigrations(directories: readonly string[]): Promise<readonly LoadedMigration[]> {
  const names = new Set<string>()
  const loaded: LoadedMigration[] = []
  for (const directory of directories) {
    const name = basename(directory)
    if (names.has(name)) {
      throw new TenfoldError(
        'TF_MIGRATION_INVALID',
        `expected migration directories to have different names, got ${name} twice`,
        {
          hint: 'rename one of the directories: its name is part of the record of what was applied',
        },
      )
    }
    names.add(name)
    for (const file of await listSqlFiles(directory)) loaded.push(await loadMigration(directory, name, file))
  }
  if (loaded.length > FILES_MAX) {
    throw new TenfoldError('TF_MIGRATION_INVALID', `expected at most ${FILES_MAX} migrations, got ${loaded.length}`, {
      hint: 'check the directories; fold old migrations into one',
    })
  }
  return loaded
}

async function listSqlFiles(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    return entries
      .filter((entry) => entry.name.endsWith('.sql') && !entry.name.startsWith('.') && !entry.isDirectory())
      .map((entry) => entry.name)
      .sort((a, b) => (a < b ? -1 : 1))
  } catch (cause) {
    throw new TenfoldError(
      'TF_MIGRATION_INVALID',
      `expected ${directory} to be a directory of *.sql files: ${messageOf(cause)}`,
      {
        hint: 'create it, or correct "migrations" in the blueprint',
        cause,
      },
    )
  }
}

async function loadMigration(directory: string, name: string, file: string): Promise<LoadedMigration> {
  const path = join(directory, file)
  const bytes = await readFile(path)
  const checksum = createHash('sha256').update(bytes).digest('hex')
  return { directory: name, file, path, checksum, text: bytes.toString('utf8') }
}
