import type { Kysely } from 'kysely'
import { TenfoldError } from '../core/errors.ts'
import type { DatabaseAddress, DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import type { DatabaseBinding } from './bindings-document.ts'
import type { DatabaseHandle } from './handles.ts'

/** A handle that stays good when its database moves. */
export interface BoundDatabase {
  readonly handle: DatabaseHandle<unknown>
  /** What is behind the handle: its transactions say that they are of this. */
  readonly connection: DatabaseConnection
  /** Uses the new address from now on; see `DatabaseConnection.moveTo`. */
  rebind(binding: DatabaseBinding): void
  /** Waits for the work in progress, then closes the connections. */
  close(): Promise<void>
}

/**
 * The handle of a database that is not sharded.
 *
 * @param refresh looks whether there is another binding and calls `rebind` with it before it resolves
 * @throws TF_NOT_IMPLEMENTED for a sharded one
 */
export function bindDatabase(
  name: string,
  binding: DatabaseBinding,
  options: { readonly applicationName: string; readonly refresh: () => Promise<void> },
): BoundDatabase {
  const connection = connectDatabase(addressOf(name, binding), options)
  return {
    connection,
    handle: {
      get db(): Kysely<unknown> {
        return connection.db
      },
      transaction: (work, how) => connection.transaction(work, how),
      read: (how) => connection.read(how),
      token: () => connection.token(),
      committed: (of) => connection.committed(of),
    },
    rebind: (changed) => connection.moveTo(addressOf(name, changed)),
    close: () => connection.end(),
  }
}

function addressOf(name: string, { shards, connectionsMax }: DatabaseBinding): DatabaseAddress {
  const [shard] = shards
  if (shard !== undefined && shards.length === 1) return { ...shard, connectionsMax }
  throw new TenfoldError('TF_NOT_IMPLEMENTED', `expected ${name} to have one shard, got ${shards.length}`, {
    hint: 'remove shards from the database in the blueprint',
  })
}
