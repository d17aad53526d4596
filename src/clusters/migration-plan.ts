import { TenfoldError } from '../core/errors.ts'

/** A migration file as it is on the disk. */
export interface MigrationFile {
  /** Base name of its directory: half of its identity. */
  readonly directory: string
  readonly file: string
  /** Absolute path, for messages. */
  readonly path: string
  readonly checksum: string
}

/** A row of `tenfold.migration`. */
export interface AppliedMigration {
  readonly directory: string
  readonly file: string
  readonly checksum: string
}

/**
 * The files that are still to be applied, in order: directories in the order given, files in the order of their names
 * (by code unit, so pad numbers with zeros).
 *
 * @throws TF_MIGRATION_CHANGED a file differs from what was applied
 * @throws TF_MIGRATION_MISSING an applied file is gone
 * @throws TF_MIGRATION_ORDER a new file comes before an applied one of its directory
 */
export function planMigrations<F extends MigrationFile>(
  files: readonly F[],
  applied: readonly AppliedMigration[],
): readonly F[] {
  const appliedByKey = new Map(applied.map((row) => [keyOf(row), row]))
  const known = new Set(files.map(keyOf))
  for (const row of applied) if (!known.has(keyOf(row))) throw gone(row)
  const lastApplied = new Map<string, string>()
  for (const { directory, file } of applied) {
    if (file > (lastApplied.get(directory) ?? '')) lastApplied.set(directory, file)
  }
  const pending: F[] = []
  for (const file of files) {
    const row = appliedByKey.get(keyOf(file))
    if (row === undefined) {
      const last = lastApplied.get(file.directory)
      if (last !== undefined && file.file < last) throw tooLate(file, last)
      pending.push(file)
    } else if (row.checksum !== file.checksum) {
      throw changed(file, row)
    }
  }
  return pending
}

function keyOf(migration: { directory: string; file: string }): string {
  return `${migration.directory}/${migration.file}`
}

function changed(file: MigrationFile, row: AppliedMigration): TenfoldError {
  return new TenfoldError(
    'TF_MIGRATION_CHANGED',
    `expected ${file.path} to be as it was when it was applied, but it has changed`,
    {
      hint: 'restore the file (git log shows its history) and write the change as a new migration',
      details: { path: file.path, applied: row.checksum, found: file.checksum },
    },
  )
}

function gone(row: AppliedMigration): TenfoldError {
  return new TenfoldError(
    'TF_MIGRATION_MISSING',
    `expected the applied migration ${keyOf(row)} to be there, but it is gone`,
    {
      hint: 'restore the file under this name; to undo what it did, write a new migration',
      details: { directory: row.directory, file: row.file },
    },
  )
}

function tooLate(file: MigrationFile, last: string): TenfoldError {
  return new TenfoldError(
    'TF_MIGRATION_ORDER',
    `expected new migrations to come after ${last}, which is applied already, got ${file.path}`,
    { hint: `rename ${file.file} so that it sorts after ${last}`, details: { path: file.path, lastApplied: last } },
  )
}
