import type { StatementGuard } from '../sql/guarded-session.ts'
import type { DatabaseAddress, DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import { createShardedDatabase } from '../shards/sharded-database.ts'
import { TenfoldError } from '../core/errors.ts'
import type { DatabaseBinding } from './bindings-document.ts'
import type { BindOptions, BoundDatabase, DatabasePlace } from './bound-database.ts'

/** What of a shard is here: what keys use, and what has no key. */
interface BoundShard {
  keyed: DatabaseConnection | undefined
  keyless: DatabaseConnection | undefined
}

/** The handle of a database on several shards, which may become more while the service runs. */
export function bindShardedDatabase(name: string, first: DatabaseBinding, options: BindOptions): BoundDatabase {
  let binding = first
  const shards: BoundShard[] = []
  const known = (shard: number): BoundShard => (shards[shard] ??= { keyed: undefined, keyless: undefined })

  function addressOf(shard: number, connectionsMax: number): DatabaseAddress {
    const address = binding.shards[shard]
    if (address !== undefined) return { ...address, connectionsMax }
    throw new TenfoldError(
      'TF_BINDINGS_INVALID',
      `expected an address for shard ${shard} of ${name} in the bindings, got those of ${binding.shards.length}`,
      { hint: 'take the blueprint with all its shards over: tenfold apply', details: { database: name, shard } },
    )
  }

  /** One of those that an instance may hold is for what has no key. */
  const keyedMax = (): number => Math.max(1, binding.connectionsMax - 1)

  function connect(shard: number, guard: StatementGuard): DatabaseConnection {
    return (known(shard).keyed = connectDatabase(addressOf(shard, keyedMax()), { ...options, guard }))
  }

  function keyless(shard: number): DatabaseConnection {
    return (known(shard).keyless ??= connectDatabase(addressOf(shard, 1), options))
  }

  const database = createShardedDatabase<unknown, unknown>({ database: name, shards: first.shards.length, connect })
  // A service can't end what it was given.
  const { end: _end, ...descriptors } = Object.getOwnPropertyDescriptors(database)
  return {
    handle: Object.defineProperties({}, descriptors),
    connection: undefined,
    places: () =>
      binding.shards.map((_, shard): DatabasePlace => ({
        name: `${name}-${shard}`,
        get connection() {
          return keyless(shard)
        },
        isOf: (transactions) => transactions === shards[shard]?.keyed,
      })),
    rebind(changed) {
      binding = changed
      for (const [shard, bound] of shards.entries()) {
        bound?.keyed?.moveTo(addressOf(shard, keyedMax()))
        bound?.keyless?.moveTo(addressOf(shard, 1))
      }
    },
    async close() {
      await Promise.all([database.end(), ...shards.map((bound) => bound?.keyless?.end())])
    },
  }
}
