import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { TenfoldError, messageOf } from '../core/errors.ts'
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
  /** Ends the work before the next file. */
  signal?: AbortSignal | undefined
}

/** Bounds the number of files, against a directory that is not meant. */
const FILES_MAX = 10_000
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
    const applied = await connection.transaction(async (tx) => {
      await takeLock(tx)
      // Another runner may have been here since the last look.
      const [next] = await pendingOf(tx, files)
      if (next === undefined) return false
      options.onProgress?.({ file: next.path, number, total: Math.max(number, total) })
      await apply(tx, next)
      return true
    })
    if (!applied) return number - 1
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
  return new TenfoldError('TF_MIGRATION_FAILED', `expected ${migration.path} to apply, but in line ${line}: ${said}`, {
    hint: 'correct the file and start again; nothing of it was kept',
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
