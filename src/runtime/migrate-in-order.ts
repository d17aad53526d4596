import { TenfoldError } from '../core/errors.ts'

/** How many files were applied to a database, or to a shard of one. */
export interface AppliedMigrations {
  readonly name: string
  readonly files: number
}

/**
 * Migrates shards one after the other, so that the first failure leaves those behind it as they were.
 *
 * @throws what the migration of one threw, with which shard that was and what is done
 */
export async function migrateInOrder(
  shards: readonly { readonly name: string; migrate(): Promise<number> }[],
): Promise<readonly AppliedMigrations[]> {
  const applied: AppliedMigrations[] = []
  for (const { name, migrate } of shards) {
    try {
      applied.push({ name, files: await migrate() })
    } catch (error) {
      throw shards.length > 1 && error instanceof TenfoldError ? onShard(error, name, applied, shards.length) : error
    }
  }
  return applied
}

function onShard(
  error: TenfoldError,
  name: string,
  applied: readonly AppliedMigrations[],
  count: number,
): TenfoldError {
  const { code, message, hint, details } = error
  return new TenfoldError(code, `on ${name}, ${applied.length} of ${count} shards being done: ${message}`, {
    ...(hint === undefined ? {} : { hint: `${hint}; what is done stays done` }),
    details: { ...details, shard: name, done: applied.map((each) => each.name) },
    cause: error,
  })
}
