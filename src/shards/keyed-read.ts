import type { Kysely } from 'kysely'
import { TenfoldError } from '../core/errors.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { guardedKind } from '../sql/guarded-session.ts'
import type { ReadOptions, ReadView } from '../sql/read-view.ts'
import { runnerKysely } from '../sql/runner-kysely.ts'
import type { SqlResult } from '../sql/session.ts'

/** Reads of the rows of one key, where a replica will do. */
export type KeyedRead<Tables> = Pick<ReadView<Tables>, 'db' | 'query'>

/** Runs a read where the key is, again where it has gone; a second run on the same shard means that a node was behind. */
export type RouteRead = <R>(run: (connection: DatabaseConnection) => Promise<R>) => Promise<R>

/**
 * Reads go to a replica of the shard that is close enough behind its primary, and to the primary as soon as a replica does not
 * know yet that rows have come. A token says how far one shard was, and rows may have come from another since it was given: what
 * is read `after` one is read on the primary.
 */
export function createKeyedRead<Tables>(routed: RouteRead, { after, ...options }: ReadOptions): KeyedRead<Tables> {
  /** Each of these stays with the node that it has chosen. */
  const views = new Map<DatabaseConnection, ReadView<unknown>>()
  const behind = new Set<DatabaseConnection>()
  let db: Kysely<Tables> | undefined

  function query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    if (guardedKind(text) !== 'read') return Promise.reject(notRead())
    return routed(async (connection) => {
      if (after !== undefined || behind.has(connection)) return connection.query<Row>(text, values)
      const view = views.get(connection) ?? connection.read(options)
      views.set(connection, view)
      try {
        return await view.query<Row>(text, values)
      } catch (error) {
        behind.add(connection)
        throw error
      }
    })
  }

  return {
    get db() {
      return (db ??= runnerKysely<Tables>({ query }))
    },
    query,
  }
}

function notRead(): TenfoldError {
  return new TenfoldError('TF_USAGE', 'expected a read, got a statement that may write', {
    hint: 'write with shard(key).db or shard(key).transaction(…)',
  })
}
