import { join, resolve } from 'node:path'
import { consumersOf } from '../blueprint/consumers-of.ts'
import type { ResolvedDatabase } from '../blueprint/resolved-blueprint.ts'
import type { DatabaseBackups } from '../backups/database-backups.ts'
import { passwordsFor, swapData } from '../backups/swap-data.ts'
import { clusterPathsOf } from '../clusters/cluster-record.ts'
import { createCluster } from '../clusters/cluster.ts'
import type { Cluster, ClusterState } from '../clusters/cluster-state.ts'
import { createExternalServer } from '../clusters/external-server.ts'
import type { PostgresBinaries } from '../clusters/postgres-binaries.ts'
import { findPostgresBinaries } from '../clusters/postgres-binaries.ts'
import type { Component } from '../core/component.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'
import { outputFileOf } from '../fleet/instance-hosts/local.ts'
import type { DatabaseUnit, DatabaseUnitOptions } from './database-unit.ts'
import { createDatabaseUnit } from './database-unit.ts'
import type { PartsContext } from './parts-context.ts'
import type { EngineUrls } from './engine-urls.ts'
import { admissionsTo } from './service-bindings.ts'
import type { ShardBinding } from '../service/bindings-document.ts'
import { startTogether } from './start-together.ts'
import { messagingTablesOf } from './messaging-tables.ts'
import { backupsOf } from './unit-backups.ts'
import type { SystemCode } from './system-code.ts'

/** All databases of a system. */
export interface SystemDatabases extends Component {
  start(signal: AbortSignal): Promise<void>
  /** Starts a database that is new, or applies what is new to one that runs. Throws as its start, or its update. */
  bring(database: ResolvedDatabase, code: SystemCode, signal: AbortSignal): Promise<void>
  /** Files that `bring` would apply to a database that runs. Throws as `pendingMigrations`. */
  pendingMigrations(name: string, directories: readonly string[]): Promise<readonly string[]>
  /** Stops a database; its data stays. Nothing happens if it does not run. */
  drop(name: string): Promise<void>
  /** Lets exactly those services into each database that connect to it by the blueprint as it is now. */
  admit(): Promise<void>
  /** A database as its owner. @throws TF_NOT_RUNNING before its start */
  url(name: string): string
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
  /** Where a service finds the nodes of a database. @throws TF_NOT_RUNNING before it was admitted */
  binding(name: string, service: string): ShardBinding
  /** Primaries of the databases with followers, by name; undefined for one that has none now. */
  primaries(): ReadonlyMap<string, ReturnType<DatabaseUnit['primary']>>
  /** Lets the cluster of a database hand its writes over. Throws as `Cluster.switchover`. */
  switchover(name: string): Promise<void>
  /** The same for the control plane, which sees more. @throws TF_NOT_RUNNING before its start */
  adminUrl(name: string): string
}

/** What a database tells, and what it has to know. */
type UnitSurroundings = Pick<DatabaseUnitOptions, 'onAddress' | 'onPrimary'> & { readonly engineUrls: EngineUrls }

/**
 * The databases of a blueprint, started side by side.
 *
 * @param code awaited where it is needed, so that a server starts while sources are still being copied
 * @param changed of which the units tell, and where engines elsewhere are
 */
export function createSystemDatabases(
  context: PartsContext,
  code: Promise<SystemCode>,
  changed: UnitSurroundings,
): SystemDatabases {
  const { blueprint } = context
  const databases = Object.values(blueprint.databases)
  const units = new Map<string, DatabaseUnit>()

  function unitNamed(name: string): DatabaseUnit {
    const unit = units.get(name)
    if (unit !== undefined) return unit
    const known = Object.keys(context.blueprint.databases)
    if (known.includes(name)) {
      throw new TenfoldError('TF_NOT_RUNNING', `expected database ${name} to have been started`)
    }
    const meant = didYouMean(name, known)
    throw new TenfoldError('TF_USAGE', `expected a database (${known.join(', ')}), got ${JSON.stringify(name)}`, {
      hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
    })
  }

  async function admit(): Promise<void> {
    for (const [name, unit] of units) await unit.admit(admissionsTo(context.blueprint, name))
  }

  return {
    admit,
    async start(signal) {
      const isEmbedded = databases.some(({ engine }) => engine.kind === 'embedded')
      const binaries = isEmbedded ? await findPostgresBinaries({ user: context.user }) : undefined
      for (const { name } of databases) await ensureOwnedDirectory(join(context.state.logsDirectory, logsOf(name)))
      for (const database of databases) units.set(database.name, unitOf(context, database, binaries, code, changed))
      await startTogether(
        signal,
        [...units.values()].map((unit) => (together: AbortSignal) => unit.start(together)),
      )
      await admit()
    },
    async stop(deadlineMs) {
      await Promise.all([...units.values()].map((unit) => unit.stop(deadlineMs)))
    },
    async bring(database, code, signal) {
      const running = units.get(database.name)
      if (running !== undefined) return running.update(database, code, signal)
      await ensureOwnedDirectory(join(context.state.logsDirectory, logsOf(database.name)))
      const isEmbedded = database.engine.kind === 'embedded'
      const binaries = isEmbedded ? await findPostgresBinaries({ user: context.user }) : undefined
      const unit = unitOf(context, database, binaries, Promise.resolve(code), changed)
      await unit.start(signal)
      units.set(database.name, unit)
    },
    async pendingMigrations(name, directories) {
      return (await units.get(name)?.pendingMigrations(directories)) ?? []
    },
    async drop(name) {
      const unit = units.get(name)
      units.delete(name)
      await unit?.stop()
    },
    url: (name) => unitNamed(name).url(),
    primaries: () =>
      new Map([...units].flatMap(([name, unit]) => (unit.hasFollowers ? [[name, unit.primary()] as const] : []))),
    binding: (name, service) => unitNamed(name).binding(service),
    switchover: (name) => unitNamed(name).switchover(),
    backups: (name) => requireBackups(name, unitNamed(name)),
    restorePlace(name) {
      const { blueprint, state } = context
      unitNamed(name)
      requireEmbedded(blueprint.databases[name]!)
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

/** The directory of a database's logs: no service has a name with a dot. */
function logsOf(database: string): string {
  return `${database}.database`
}

function unitOf(
  context: PartsContext,
  database: ResolvedDatabase,
  binaries: PostgresBinaries | undefined,
  code: Promise<SystemCode>,
  { engineUrls, ...changed }: UnitSurroundings,
): DatabaseUnit {
  const { blueprint, state, user, subprocesses, clock } = context
  return createDatabaseUnit({
    database,
    cluster: (onState) => clusterOf(context, database, binaries, onState),
    backups: backupsOf(context, database),
    blueprintDirectory: blueprint.directory,
    code,
    seeding: {
      subprocesses,
      user,
      logFile: outputFileOf(state.logsDirectory, logsOf(database.name), `${database.name}-seed`),
      clock,
    },
    messaging: () => messagingTablesOf(context.blueprint, database.name),
    outside: {
      urlOf: (engine) => engineUrls.read(engine),
      groupsOf: (topic) => consumersOf(context.blueprint.services, topic),
      notice: (notice) => context.notice(notice),
    },
    onStartFailed: () => context.startFailed(),
    ...changed,
    onStatus: (status) =>
      context.change((snapshot) => ({ ...snapshot, databases: { ...snapshot.databases, [status.name]: status } })),
  })
}

function clusterOf(
  context: PartsContext,
  { name, engine, resources, backup, followers, zones }: ResolvedDatabase,
  binaries: PostgresBinaries | undefined,
  onState: (state: ClusterState) => void,
): Cluster {
  const { state, user, subprocesses, clock } = context
  if (engine.kind === 'server') {
    return createExternalServer({ name, url: serverUrl(context, name, engine.urlVariable), onState })
  }
  return createCluster({
    name,
    dataDirectory: join(state.dataDirectory, name),
    binaries: binaries!,
    subprocesses,
    logFile: outputFileOf(state.logsDirectory, logsOf(name), `${name}-postgres`),
    user,
    limits: resources,
    followers,
    zones,
    archiveEvery: backup === undefined ? undefined : `${backup.walEveryMs}ms`,
    socketDirectory: state.childRuntimeDirectory,
    clock,
    onState,
  })
}

function serverUrl({ environment }: PartsContext, database: string, variable: string): string {
  const url = environment[variable]
  if (url !== undefined && url !== '') return url
  throw new TenfoldError(
    'TF_SECRET_MISSING',
    `expected ${variable} to hold the URL of database ${database}, got nothing`,
    {
      hint: `export ${variable}=postgres://user:password@host:5432/${database} and run the command again`,
      details: { variable, database },
    },
  )
}
