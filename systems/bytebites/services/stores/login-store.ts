import type { CatalogTables, SharedTables } from '../../data/tables.ts'
import type { SqlDatabase } from './sql-database.ts'

/** Addresses of subscribers whose rows are on shards: who has signed in once is found there by number. */
export interface LoginStore {
  /** @param email in small letters */
  userIdOf(email: string): Promise<number | undefined>
}

export function loginStore({ db }: Pick<SqlDatabase<CatalogTables & SharedTables>, 'db'>): LoginStore {
  return {
    async userIdOf(email) {
      const row = await db.selectFrom('login').where('email', '=', email).select('user_id').executeTakeFirst()
      return row?.user_id
    },
  }
}
