import type { Kysely } from 'kysely'
import { TenfoldError } from '../core/errors.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import type { DatabaseBinding } from './bindings-document.ts'
import type { DatabaseHandle } from './handles.ts'

/** A handle that stays good when its database moves. */
export interface BoundDatabase {
  readonly handle: DatabaseHandle<unknown>
  /** Uses the new address from now on; what is under way ends on the old connections. */
  rebind(binding: DatabaseBinding): void
  /** Waits for the work in progress, then closes the connections. */
  close(): Promise<void>
}

/**
 * The handle of a database that is not sharded.
 *
 * @throws TF_NOT_IMPLEMENTED for a sharded one
 */
export function bindDatabase(name: string, binding: DatabaseBinding, applicationName: string): BoundDatabase {
  let address = addressOf(name, binding)
  let connection = connectDatabase(address, { applicationName })
  const closing = new Set<Promise<void>>()

  function retire(old: DatabaseConnection): void {
    const closed = old.end().catch((error: unknown) => process.emitWarning(`tenfold: ${name}: ${String(error)}`))
    closing.add(closed)
    void closed.finally(() => closing.delete(closed))
  }

  return {
    handle: {
      db: following(() => connection.db),
      transaction: (work, options) => connection.transaction(work, options),
    },
    rebind(changed) {
      const next = addressOf(name, changed)
      if (next.url === address.url && next.connectionsMax === address.connectionsMax) return
      const old = connection
      address = next
      connection = connectDatabase(address, { applicationName })
      retire(old)
    },
    async close() {
      await Promise.all([connection.end(), ...closing])
    },
  }
}

/** Looks like one Kysely, and is the latest: a service may keep it in a constant. */
function following(latest: () => Kysely<unknown>): Kysely<unknown> {
  return new Proxy({} as Kysely<unknown>, {
    get(_target, property) {
      const db = latest()
      const value: unknown = Reflect.get(db, property, db)
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(db) : value
    },
  })
}

function addressOf(name: string, { shards, connectionsMax }: DatabaseBinding): { url: string; connectionsMax: number } {
  const [shard] = shards
  if (shard !== undefined && shards.length === 1) return { url: shard.url, connectionsMax }
  throw new TenfoldError('TF_NOT_IMPLEMENTED', `expected ${name} to have one shard, got ${shards.length}`, {
    hint: 'remove shards from the database in the blueprint',
  })
}
