import type { Kysely } from 'kysely'

/** What a store needs of a database: less than the handle that `bind` gives, so that one database can serve as two. */
export interface SqlDatabase<Tables, Transaction = { readonly db: Kysely<Tables> }> {
  readonly db: Kysely<Tables>
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>
}
