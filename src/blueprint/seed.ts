import type { Random } from '../core/random.ts'

/** A value that `copy` can write: objects and arrays become JSON, dates ISO 8601, `undefined` is refused. */
export type SeedValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | readonly unknown[]
  | { readonly [key: string]: unknown }

/**
 * What a seed module gets. It exports `async function seed(context: SeedContext)`; everything it does is one
 * transaction that is recorded with the migrations, so it happens once, whole or not at all. For a database on shards it runs
 * once on each of them, with the same chance.
 */
export interface SeedContext {
  /**
   * Streams rows into a table with COPY. On a shard, rows of a table with the shard key that live on another are left out.
   *
   * @returns the number of rows written
   */
  copy(table: string, columns: readonly string[], rows: Iterable<readonly SeedValue[]>): Promise<number>
  /** Whether rows of this shard key live where the seed runs now. Always, without shards. */
  has(key: string | number | bigint): boolean
  /** Runs one or more SQL statements: indexes and constraints are cheaper after the copy. */
  execute(sql: string): Promise<void>
  /** Seeded from the database's name: the same data on every machine. */
  readonly random: Random
  /** Says what is being done, for whoever waits. */
  progress(message: string): void
}

/** The shape of a seed module. */
export interface SeedModule {
  seed(context: SeedContext): Promise<void>
}
