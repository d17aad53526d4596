import { join, resolve } from 'node:path'
import { clusters, clustersOf } from '../blueprint/clusters-of.ts'
import type { ResolvedDatabase } from '../blueprint/resolved-blueprint.ts'
import type { DatabaseBackups } from '../backups/database-backups.ts'
import { passwordsFor, swapData } from '../backups/swap-data.ts'
import { clusterPathsOf } from '../clusters/cluster-record.ts'
import { findPostgresBinaries } from '../clusters/postgres-binaries.ts'
import type { DatabaseStatus } from '../control/snapshot.ts'
import type { Component } from '../core/component.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import type { DatabaseUnit } from './database-unit.ts'
import type { UnitSurroundings } from './make-unit.ts'
import { makeUnit } from './make-unit.ts'
import type { PartsContext } from './parts-context.ts'
import { admissionsTo } from './service-bindings.ts'
import type { ShardBinding } from '../service/bindings-document.ts'
import type { ShardOperating } from './shard-operating.ts'
import type { DatabaseGroup } from './shard-group.ts'
import { createShardGroup, singleUnit } from './shard-group.ts'
import type { AppliedMigrations } from './migrate-in-order.ts'
import { startTogether } from './start-together.ts'
import type { SystemCode } from './system-code.ts'

/** All databases of a system. */
export interface SystemDatabases extends Component {
  start(signal: AbortSignal): Promise<void>
  /** Starts a database that is new, or applies what is new to one that runs. Throws as its start, or its update. */
  bring(database: ResolvedDatabase, code: SystemCode, signal: AbortSignal): Promise<void>
  /** Files that `bring` would apply to a database that runs, each once. Throws as `pendingMigrations`. */
  pendingMigrations(name: string, directories: readonly string[]): Promise<readonly string[]>
  /** Files that `migrate` would apply, by shard. Throws as `pendingMigrations`; TF_USAGE */
  newMigrations(name: string): Promise<readonly { readonly name: string; readonly pending: readonly string[] }[]>
  /** Applies new migrations to a database that runs, and nothing else. Throws as `bring`. */
  migrate(name: string, signal: AbortSignal): Promise<readonly AppliedMigrations[]>
  /** Stops a database; its data stays. Nothing happens if it does not run. */
  drop(name: string): Promise<void>
  /** Stops shards that a database has here and not in this blueprint, and says no more of them. */
  fit(database: ResolvedDatabase): Promise<void>
  /** Lets exactly those services into each database that connect to it by the blueprint as it is now. */
  admit(): Promise<void>
  /**
   * The shards of a database, or of the only one that has several. @throws TF_USAGE for one that is not sharded, or not there,
   * or where it is unclear which is meant
   */
  shards(name: string | undefined): ShardOperating
  /** A database, or one of its shards, as its owner. @throws TF_NOT_RUNNING before its start; TF_USAGE */
  url(name: string, shard?: number): string
  /** @throws TF_USAGE for a database that the blueprint takes no backups of, or does not have */
  backups(name: string): DatabaseBackups
  /** Where a restore of a database can go on, beside its data. @throws TF_USAGE as `backups` */
  restorePlace(name: string): { readonly directory: string; readonly socketDirectory: string }
  /**
   * Puts data that was restored there in the place of the database's, whose server is stopped meanwhile.
   *
   * @returns where the former data is
   */
  putRestored(name: string, restored: string, signal: AbortSignal): Promise<readonly string[]>
  /** Where a service finds the nodes of a database, by shard. @throws TF_NOT_RUNNING before it was admitted */
  binding(name: string, service: string): readonly ShardBinding[]
  /** Primaries of the databases with followers, by name; undefined for one that has none now. */
  primaries(): ReadonlyMap<string, ReturnType<DatabaseUnit['primary']>>
  /** Lets the cluster of a database hand its writes over. Throws as `Cluster.switchover`. */
  switchover(name: string): Promise<void>
  /** The same for the control plane, which sees more. @throws TF_NOT_RUNNING before its start */
  adminUrl(name: string): string
}

/**
 * The databases of a blueprint, started side by side.
 *
 * @param code awaited where it is needed, so that a server starts while sources are still being copied
 * @param changed of which the units tell, and where engines elsewhere are
 */
export function createSystemDatabases(
  context: PartsContext,
  code: Promise<SystemCode>,
  changed: Pick<UnitSurroundings, 'onAddress' | 'onPrimary' | 'engineUrls'>,
): SystemDatabases {
  const groups = new Map<string, DatabaseGroup>()

  function units(): readonly DatabaseUnit[] {
    return [...groups.values()].flatMap((group) => group.units)
  }

  function groupNamed(name: string): DatabaseGroup {
    const group = groups.get(name)
    if (group !== undefined) return group
    throw notThere(name, context.blueprint)
  }

  function unitNamed(name: string): DatabaseUnit {
    const unit = units().find((each) => each.name === name)
    if (unit !== undefined) return unit
    throw notThere(name, context.blueprint)
  }

  function shardOf(name: string, shard: number): DatabaseUnit {
    const { units: shards, shards: operating } = groupNamed(name)
    const unit = shards[shard]
    if (unit !== undefined) return unit
    const known = operating === undefined ? 'which is one cluster, 0' : `0 to ${shards.length - 1}`
    throw new TenfoldError('TF_USAGE', `expected a shard of ${name} (${known}), got ${shard}`, {
      hint: '"tenfold status" lists them',
    })
  }

  async function makeGroup(database: ResolvedDatabase, ready: Promise<SystemCode>): Promise<DatabaseGroup> {
    const isEmbedded = database.engine.kind === 'embedded'
    const binaries = isEmbedded ? await findPostgresBinaries({ user: context.user }) : undefined
    const surroundings = { ...changed, binaries, code: ready }
    if (database.sharding === undefined) {
      return singleUnit(database, await makeUnit(context, clustersOf(database)[0]!, surroundings))
    }
    return createShardGroup(database, (cluster, layOut) => makeUnit(context, cluster, { ...surroundings, layOut }), {
      clock: context.clock,
      onTrouble: (message) => context.notice({ level: 'warning', message }),
    })
  }

  async function admit(): Promise<void> {
    for (const [name, group] of groups) {
      for (const unit of group.units) await unit.admit(admissionsTo(context.blueprint, name))
    }
  }

  return {
    admit,
    async start(signal) {
      for (const database of Object.values(context.blueprint.databases)) {
        groups.set(database.name, await makeGroup(database, code))
      }
      await startTogether(
        signal,
        [...groups.values()].map((group) => (together: AbortSignal) => group.start(together)),
      )
      await admit()
    },
    async stop(deadlineMs) {
      await Promise.all([...groups.values()].map((group) => group.stop(deadlineMs)))
    },
    async bring(database, ready, signal) {
      const running = groups.get(database.name)
      if (running !== undefined) return running.update(database, ready, signal)
      const group = await makeGroup(database, Promise.resolve(ready))
      await group.start(signal)
      groups.set(database.name, group)
    },
    async pendingMigrations(name, directories) {
      const files = new Set<string>()
      for (const unit of groups.get(name)?.units ?? []) {
        for (const file of await unit.pendingMigrations(directories)) files.add(file)
      }
      return [...files]
    },
    newMigrations(name) {
      const { units: shards } = groupNamed(name)
      const { migrations } = context.blueprint.databases[name]!
      return Promise.all(
        shards.map(async (unit) => ({ name: unit.name, pending: await unit.pendingMigrations(migrations) })),
      )
    },
    migrate: (name, signal) => groupNamed(name).migrate(signal),
    async drop(name) {
      const group = groups.get(name)
      groups.delete(name)
      await group?.stop()
    },
    async fit(database) {
      await groups.get(database.name)?.fit(database)
      const kept = new Set(clustersOf(database).map(({ name }) => name))
      const isGone = ({ name, shard }: DatabaseStatus): boolean => shard?.database === database.name && !kept.has(name)
      context.change((snapshot) => ({
        ...snapshot,
        databases: Object.fromEntries(Object.entries(snapshot.databases).filter(([, status]) => !isGone(status))),
      }))
    },
    shards(name) {
      const sharded = new Map([...groups].flatMap(([of, { shards }]) => (shards === undefined ? [] : [[of, shards]])))
      const [[only] = [], ...more] = sharded
      const { shards } = groupNamed(name ?? (more.length === 0 ? only : undefined) ?? unclear([...sharded.keys()]))
      if (shards !== undefined) return shards
      throw new TenfoldError('TF_USAGE', `expected a database on several shards, but ${name} is one cluster`, {
        hint: "give it a key and shards: { key: 'user_id', shards: { by: 'hash', count: 4 } }",
      })
    },
    url: (name, shard) => (shard === undefined ? unitNamed(name) : shardOf(name, shard)).url(),
    primaries: () =>
      new Map(
        units().flatMap((unit) => (unit.hasFollowers && !unit.isShard ? [[unit.name, unit.primary()] as const] : [])),
      ),
    binding: (name, service) => groupNamed(name).units.map((unit) => unit.binding(service)),
    switchover: (name) => unitNamed(name).switchover(),
    backups: (name) => requireBackups(name, unitNamed(name)),
    restorePlace(name) {
      const { blueprint, state } = context
      unitNamed(name)
      requireEmbedded(clusters(blueprint)[name]!)
      return { directory: join(state.dataDirectory, name), socketDirectory: state.childRuntimeDirectory }
    },
    async putRestored(name, restored, signal) {
      const directory = join(context.state.dataDirectory, name)
      requireInside(restored, join(directory, 'restore'))
      const swap = async (): Promise<readonly string[]> =>
        swapData(directory, restored, await passwordsFor(clusterPathsOf(directory)), context.clock)
      const former = await unitNamed(name).whileStopped(swap, signal)
      await admit()
      return former
    },
    adminUrl: (name) => unitNamed(name).adminUrl(),
  }
}

function notThere(name: string, blueprint: PartsContext['blueprint']): TenfoldError {
  const database = blueprint.databases[name]
  const all = Object.keys(clusters(blueprint))
  const known = database?.sharding === undefined ? all : clustersOf(database).map((cluster) => cluster.name)
  if (all.includes(name)) return new TenfoldError('TF_NOT_RUNNING', `expected database ${name} to have been started`)
  const isSharded = database?.sharding !== undefined
  const meant = isSharded ? undefined : didYouMean(name, known)
  const what = isSharded ? `a shard of ${name}` : 'a database'
  return new TenfoldError('TF_USAGE', `expected ${what} (${known.join(', ')}), got ${JSON.stringify(name)}`, {
    hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
  })
}

function requireBackups(name: string, { backups }: DatabaseUnit): DatabaseBackups {
  if (backups !== undefined) return backups
  throw new TenfoldError('TF_USAGE', `expected the blueprint to have backups of ${name}, got none`, {
    hint: `write databases: { ${name}: { backup: { to: '/mnt/backups' } } }, then "tenfold down" and "tenfold up"`,
  })
}

function requireEmbedded({ name, engine }: ResolvedDatabase): void {
  if (engine.kind === 'embedded') return
  throw new TenfoldError('TF_USAGE', `expected a database that Tenfold runs, but ${name} is on a server of its own`, {
    hint: 'restore it with the means of that server',
  })
}

/** The path comes over the socket: nothing else may become the data of a server. */
function requireInside(path: string, directory: string): void {
  if (path.startsWith(`${directory}/`) && resolve(path) === path) return
  throw new TenfoldError('TF_USAGE', `expected restored data in ${directory}, got ${path}`, {
    hint: 'use "tenfold restore"',
  })
}

function unclear(sharded: readonly string[]): never {
  const got = sharded.length === 0 ? 'none on several shards' : sharded.join(', ')
  throw new TenfoldError(
    'TF_USAGE',
    `expected the name of a database on several shards, got nothing, and there is ${got}`,
    {
      hint:
        sharded.length === 0
          ? "give one a key and shards: { by: 'hash', count: 4 }"
          : `name it first: tenfold shards status ${sharded[0]}`,
    },
  )
}
