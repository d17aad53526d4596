import { clustersOf } from '../blueprint/clusters-of.ts'
import type { ResolvedCluster } from '../blueprint/clusters-of.ts'
import type { ResolvedDatabase } from '../blueprint/resolved-blueprint.ts'
import { SERVICES_ROLE } from '../clusters/service-roles.ts'
import type { Clock } from '../core/clock.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { SCHEMA } from '../shards/guard.ts'
import { createReferenceKeeper } from '../shards/reference/keep-reference.ts'
import { setUpShards } from '../shards/set-up-shards.ts'
import { connectDatabase } from '../sql/database.ts'
import { grantSchema } from '../sql/own-schema.ts'
import { createBucketWatch } from './bucket-watch.ts'
import type { DatabaseUnit } from './database-unit.ts'
import type { ShardOperating } from './shard-operating.ts'
import { createShardOperating } from './shard-operating.ts'
import { createShardPlaces } from './shard-places.ts'
import type { AppliedMigrations } from './migrate-in-order.ts'
import { migrateInOrder } from './migrate-in-order.ts'
import type { SystemCode } from './system-code.ts'

/** The units of a database, which start and change together: one, or one for each shard. */
export interface DatabaseGroup {
  /** In the order of the shards. */
  readonly units: readonly DatabaseUnit[]
  /** Throws as `DatabaseUnit.start`; nothing runs then. */
  start(signal: AbortSignal): Promise<void>
  stop(deadlineMs?: number): Promise<void>
  /** Throws as `DatabaseUnit.update`; shards that are new do not run then. */
  update(database: ResolvedDatabase, code: SystemCode, signal: AbortSignal): Promise<void>
  /**
   * Applies migrations that are new, and nothing else. @returns how many files, by unit. Throws as `update`; what was applied
   * stays, and is guarded as ever
   */
  migrate(signal: AbortSignal): Promise<readonly AppliedMigrations[]>
  /** Stops shards that this blueprint does not have. */
  fit(database: ResolvedDatabase): Promise<void>
  /** Undefined where it is not sharded. */
  readonly shards: ShardOperating | undefined
}

/** Servers that are made or started at once: each keeps a core busy. */
const STARTED_AT_ONCE = 2

/** The group of a database on one cluster. */
export function singleUnit(database: ResolvedDatabase, unit: DatabaseUnit): DatabaseGroup {
  let present = database
  return {
    units: [unit],
    start: (signal) => unit.start(signal),
    stop: (deadlineMs) => unit.stop(deadlineMs),
    update(next, code, signal) {
      present = next
      return unit.update(clustersOf(next)[0]!, code, signal)
    },
    migrate: (signal) =>
      migrateInOrder([{ name: unit.name, migrate: () => unit.updates.migrate(clustersOf(present)[0]!, signal) }]),
    fit: async (next) => {
      present = next
    },
    shards: undefined,
  }
}

/**
 * The group of a database on several shards: all servers first, then migrations, one shard after the other, so that the first
 * failure leaves the others as they were; then who owns what; then the rest. A step that is repeated finds what is done.
 *
 * @param make a unit for a shard; `layOut` is what it needs when it starts again alone
 */
export async function createShardGroup(
  database: ResolvedDatabase,
  make: (cluster: ResolvedCluster, layOut: (signal: AbortSignal | undefined) => Promise<void>) => Promise<DatabaseUnit>,
  { clock, onTrouble }: { readonly clock: Clock; readonly onTrouble: (message: string) => void },
): Promise<DatabaseGroup> {
  let present = database
  let units: readonly DatabaseUnit[] = await Promise.all(clustersOf(database).map((each) => make(each, layOut)))

  const places = createShardPlaces(database.name, () => units)
  const shards = createShardOperating(places, { clock, onTrouble })
  const reference = createReferenceKeeper({
    shards: () => units.map((_, shard) => places.admin(shard)),
    tables: () => present.sharding?.reference ?? [],
    clock,
    onTrouble: (failures) => onTrouble(referenceTrouble(database.name, failures)),
  })
  const watch = createBucketWatch({ places, clock, onBuckets: (shard, buckets) => units[shard]?.showBuckets(buckets) })

  async function layOut(signal: AbortSignal | undefined): Promise<void> {
    const { name, sharding } = present
    const owners = units.map((unit) =>
      connectDatabase(
        { url: unit.url(), connectionsMax: 1 },
        // The servers are ready; one that is gone again must not hold up a Ctrl-C.
        { applicationName: 'tenfold shards', acquireTimeout: '1s' },
      ),
    )
    const work = async (): Promise<void> => {
      await setUpShards(owners, sharding!)
      // Who owns a bucket is not for services to say; everybody may read it.
      for (const owner of owners) await grantSchema(owner, SCHEMA, { others: SERVICES_ROLE, rights: [] })
    }
    const done = work().finally(() => Promise.all(owners.map((owner) => owner.end())))
    await unlessAborted(done, signal, `the shards of ${name} to be laid out`)
  }

  /** When one fails, none goes on. */
  async function together(those: readonly DatabaseUnit[], work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      await Promise.all(those.map((unit) => unit.stop()))
      throw error
    }
  }

  return {
    shards,
    get units() {
      return units
    },
    start: (signal) =>
      together(units, async () => {
        await forEachBounded(units, STARTED_AT_ONCE, (unit) => unit.phases.open(signal))
        await migrateInOrder(units.map((unit) => ({ name: unit.name, migrate: () => unit.phases.migrate(signal) })))
        await layOut(signal)
        await forEachBounded(units, STARTED_AT_ONCE, (unit) => unit.phases.complete(signal))
        watch.start()
        shards.start()
        reference.start()
      }),
    async stop(deadlineMs) {
      watch.stop()
      // Side by side: what waits for a server that hangs ends with it.
      await Promise.all([shards.stop(), reference.stop(), places.end(), ...units.map((unit) => unit.stop(deadlineMs))])
    },
    async update(next, code, signal) {
      const clusters = clustersOf(next)
      const [former, formerUnits] = [present, units]
      const added = await Promise.all(clusters.slice(units.length).map((each) => make(each, layOut)))
      present = next
      units = [...units, ...added]
      try {
        await together(added, async () => {
          await forEachBounded(added, STARTED_AT_ONCE, (unit) => unit.phases.open(signal))
          await migrateInOrder([
            ...formerUnits.map((unit, shard) => ({
              name: unit.name,
              migrate: () => unit.updates.migrate(clusters[shard]!, signal),
            })),
            ...added.map((unit) => ({ name: unit.name, migrate: () => unit.phases.migrate(signal) })),
          ])
          await layOut(signal)
          for (const [shard, unit] of formerUnits.entries()) await unit.updates.complete(clusters[shard]!, code, signal)
          await forEachBounded(added, STARTED_AT_ONCE, (unit) => unit.phases.complete(signal))
        })
      } catch (error) {
        present = former
        units = formerUnits
        throw error
      }
    },
    async migrate(signal) {
      const clusters = clustersOf(present)
      const steps = units.map((unit, shard) => ({
        name: unit.name,
        migrate: () => unit.updates.migrate(clusters[shard]!, signal),
      }))
      try {
        const applied = await migrateInOrder(steps)
        await layOut(signal)
        return applied
      } catch (error) {
        // What some got before another failed is guarded too.
        await layOut(signal).catch(() => undefined)
        throw error
      }
    },
    async fit(next) {
      const kept = clustersOf(next).length
      const gone = units.slice(kept)
      present = next
      units = units.slice(0, kept)
      await Promise.all(gone.map((unit) => unit.stop()))
    },
  }
}

function referenceTrouble(database: string, failures: ReadonlyMap<number, Error>): string {
  if (failures.size === 0) return `the reference tables of ${database} are the same on all shards again`
  const each = [...failures].map(([shard, { message }]) => `shard ${shard}: ${message}`)
  return `reference tables of ${database} can't be kept the same: ${each.join('; ')}`
}
