import { join } from 'node:path'
import type { ResolvedCluster } from '../blueprint/clusters-of.ts'
import { consumersOf } from '../blueprint/consumers-of.ts'
import { createCluster } from '../clusters/cluster.ts'
import type { Cluster, ClusterState } from '../clusters/cluster-state.ts'
import { createExternalServer } from '../clusters/external-server.ts'
import type { PostgresBinaries } from '../clusters/postgres-binaries.ts'
import { TenfoldError } from '../core/errors.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'
import { outputFileOf } from '../fleet/instance-hosts/local.ts'
import type { DatabaseUnit, DatabaseUnitOptions } from './database-unit.ts'
import { createDatabaseUnit } from './database-unit.ts'
import type { EngineUrls } from './engine-urls.ts'
import { messagingTablesOf } from './messaging-tables.ts'
import type { PartsContext } from './parts-context.ts'
import { backupsOf } from './unit-backups.ts'

/** @see makeUnit */
export interface UnitSurroundings extends Pick<DatabaseUnitOptions, 'onAddress' | 'onPrimary' | 'layOut' | 'code'> {
  /** Undefined where somebody else's server holds the database. */
  readonly binaries: PostgresBinaries | undefined
  readonly engineUrls: EngineUrls
}

/** Makes the unit of a database, or of a shard of one, and the directory of its logs. */
export async function makeUnit(
  context: PartsContext,
  database: ResolvedCluster,
  { binaries, engineUrls, ...more }: UnitSurroundings,
): Promise<DatabaseUnit> {
  await ensureOwnedDirectory(join(context.state.logsDirectory, logsOf(database.name)))
  const { blueprint, state, user, subprocesses, clock } = context
  return createDatabaseUnit({
    database,
    cluster: (onState) => clusterOf(context, database, binaries, onState),
    backups: backupsOf(context, database),
    blueprintDirectory: blueprint.directory,
    seeding: {
      subprocesses,
      user,
      logFile: outputFileOf(state.logsDirectory, logsOf(database.name), `${database.name}-seed`),
      clock,
    },
    messaging: () => messagingTablesOf(context.blueprint, database.database),
    outside: {
      urlOf: (engine) => engineUrls.read(engine),
      groupsOf: (topic) => consumersOf(context.blueprint.services, topic),
      notice: (notice) => context.notice(notice),
    },
    onStartFailed: () => context.startFailed(),
    ...more,
    onStatus: (status) =>
      context.change((snapshot) => ({ ...snapshot, databases: { ...snapshot.databases, [status.name]: status } })),
  })
}

/** Moves of buckets come beside what services may hold, and what watches a cluster. */
const SHARD_CONNECTIONS = 130

function clusterOf(
  context: PartsContext,
  { name, shard, engine, resources, backup, followers, zones }: ResolvedCluster,
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
    ...(shard === undefined ? {} : { connectionsMax: SHARD_CONNECTIONS }),
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

/** The directory of a database's logs: no service has a name with a dot. */
function logsOf(database: string): string {
  return `${database}.database`
}
