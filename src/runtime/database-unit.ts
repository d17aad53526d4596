import { relative } from 'node:path'
import type { ResolvedCluster } from '../blueprint/clusters-of.ts'
import type { DatabaseBackups } from '../backups/database-backups.ts'
import type { Cluster, ClusterState } from '../clusters/cluster-state.ts'
import { migrate, pendingMigrations } from '../clusters/migrations.ts'
import type { Admission } from '../clusters/service-roles.ts'
import type { SeedOptions } from '../clusters/seed.ts'
import { runSeeds } from '../clusters/seed.ts'
import type { BackupStatus } from '../control/backup-status.ts'
import type { DatabaseStatus } from '../control/snapshot.ts'
import type { Component } from '../core/component.ts'
import { hasCode, messageOf } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { pathInRelease } from '../fleet/release.ts'
import { connectDatabase } from '../sql/database.ts'
import { databaseStatus, readersOf, shardBinding } from './database-status.ts'
import type { ShardBinding } from '../service/bindings-document.ts'
import { setUpMessaging } from './set-up-messaging.ts'
import type { OutsideSetUp } from './set-up-outside-topic.ts'
import type { SystemCode } from './system-code.ts'
import type { MessagingTables } from './messaging-tables.ts'
import type { StartPhases, UpdatePhases } from './unit-phases.ts'

/** A database, or a shard of one, on its way to being usable: a cluster that runs, then its schema, then its data. */
export interface DatabaseUnit extends Component {
  readonly name: string
  readonly isShard: boolean
  /** The parts of `start`, for who starts several together. When one fails, the server is stopped. */
  readonly phases: StartPhases
  /** The database as its owner. @throws TF_NOT_RUNNING before the start */
  url(): string
  /** The same for the control plane, which sees more. @throws TF_NOT_RUNNING before the start */
  adminUrl(): string
  /** See `Cluster.term`. */
  readonly term: number | undefined
  /** Its nodes, for the role of a service. Throws as `Cluster.serviceUrl`. */
  binding(service: string): ShardBinding
  /** Whether other nodes may become primary. */
  readonly hasFollowers: boolean
  /** The primary, if it takes writes now. */
  primary(): { readonly port: number; readonly term: number } | undefined
  /** Hands its writes over. Throws as `Cluster.switchover`. */
  switchover(): Promise<void>
  /** Lets exactly these services in; see `Cluster.admit`. */
  admit(services: Readonly<Record<string, Admission>>): Promise<void>
  /**
   * Applies migrations, makes topics and queues, and runs seeds that an edited blueprint has and this database has not. Throws what the
   * start does; the server runs on, and what was applied before the failure stays.
   */
  update(database: ResolvedCluster, code: SystemCode, signal: AbortSignal): Promise<void>
  /** The parts of `update`, for who updates several together. */
  readonly updates: UpdatePhases
  /** Files of these directories that `update` would apply. Throws as `pendingMigrations`. */
  pendingMigrations(directories: readonly string[]): Promise<readonly string[]>
  /** Tells of a shard how many buckets it owns. */
  showBuckets(buckets: number): void
  /** Its backups; undefined where none are taken. */
  readonly backups: DatabaseBackups | undefined
  /**
   * Stops the server, does `work` on its files, and starts it again, whatever came of the work. Throws what `work` or
   * the start throws.
   */
  whileStopped<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>
}

/** @see createDatabaseUnit */
export interface DatabaseUnitOptions {
  readonly database: ResolvedCluster
  /** Made here, so that its state changes reach us. */
  readonly cluster: (onState: (state: ClusterState) => void) => Cluster
  /** The blueprint's directory: what a seed is remembered by is relative to it. */
  readonly blueprintDirectory: string
  /** Seeds run from the release, where the children's account can read them. */
  readonly code: Promise<SystemCode>
  /** How seeds are run, but for the database and the code. */
  readonly seeding: Pick<SeedOptions, 'subprocesses' | 'user' | 'logFile' | 'clock'>
  /** What it needs for topics and queues, by the blueprint as it is then; undefined for nothing. @default nothing */
  readonly messaging?: () => MessagingTables | undefined
  /** For topics on engines elsewhere that this database is beside. */
  readonly outside: OutsideSetUp
  /** What has to be done between migrations and the rest. @default nothing */
  readonly layOut?: (signal: AbortSignal | undefined) => Promise<void>
  readonly onStatus: (status: DatabaseStatus) => void
  /** Services have to be told other addresses. */
  readonly onAddress: () => void
  /** There is another primary, or none, or one again. */
  readonly onPrimary?: () => void
  /** Made here, so that its status reaches us. @default no backups */
  readonly backups?: ((cluster: Cluster, onStatus: (status: BackupStatus) => void) => DatabaseBackups) | undefined
  /** Called when the start has failed, before anything is stopped for it. */
  readonly onStartFailed?: () => void
}

/**
 * Starts the cluster, applies migrations that are new, makes the tables of topics and queues, and runs seeds that have not run. A second
 * start finds all of it done. `start` throws what `createCluster`, `migrate`, `setUpMessaging` and `runSeeds` throw.
 */
export function createDatabaseUnit(options: DatabaseUnitOptions): DatabaseUnit {
  const { onStatus } = options
  const { name } = options.database
  let lastPlaces: string | undefined
  let lastPrimary: string | undefined
  /** What is being prepared on a cluster that is ready; undefined when nothing is. */
  let preparation: Pick<DatabaseStatus, 'state' | 'reason'> | undefined
  const cluster = options.cluster(() => report())
  let backup: BackupStatus | undefined
  let buckets: number | undefined
  const backups = options.backups?.(cluster, (status) => {
    backup = status
    report()
  })

  function report(): void {
    const status = databaseStatus(options.database, cluster, preparation)
    const places = JSON.stringify([cluster.term, cluster.port, readersOf(cluster)])
    // Who has just been started tells its address itself.
    if (cluster.state.kind === 'ready' && places !== lastPlaces) {
      if (lastPlaces !== undefined) options.onAddress()
      lastPlaces = places
    }
    const leader = JSON.stringify(primary())
    if (leader !== lastPrimary) options.onPrimary?.()
    lastPrimary = leader
    const { shard } = status
    onStatus({
      ...status,
      ...(backup === undefined ? {} : { backup }),
      ...(shard === undefined || buckets === undefined ? {} : { shard: { ...shard, buckets } }),
    })
  }

  function primary(): { readonly port: number; readonly term: number } | undefined {
    const { state, port, term } = cluster
    return state.kind !== 'ready' || port === undefined || term === undefined ? undefined : { port, term }
  }

  function prepare(state: DatabaseStatus['state'], reason?: string): void {
    preparation = { state, ...(reason === undefined ? {} : { reason }) }
    report()
  }

  async function applyMigrations(database: ResolvedCluster, signal: AbortSignal | undefined): Promise<number> {
    if (database.migrations.length === 0) return 0
    const connection = connectDatabase(
      { url: cluster.url(), connectionsMax: 1 },
      // The server is ready; one that is gone again must not hold up a Ctrl-C.
      { applicationName: 'tenfold migrations', acquireTimeout: '1s' },
    )
    const work = migrate(connection, database.migrations, {
      onProgress: ({ file, number, total }) =>
        prepare('migrating', `${relative(options.blueprintDirectory, file)} (${number} of ${total})`),
      signal,
    }).finally(() => connection.end())
    // A statement that runs does not hear of a signal; the end of its server, which comes next, ends it.
    return unlessAborted(work, signal, `the migrations of ${name} to be applied`)
  }

  async function applyMessaging(signal: AbortSignal | undefined): Promise<void> {
    const tables = options.messaging?.()
    if (tables === undefined) return
    await unlessAborted(
      setUpMessaging(options.database, cluster.url(), tables, options.outside),
      signal,
      `the tables of topics and queues in ${name} to be made`,
    )
  }

  async function applySeeds(
    database: ResolvedCluster,
    code: SystemCode | Promise<SystemCode>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (database.seeds.length === 0) return
    const { node, release, module } = await code
    await runSeeds({
      ...options.seeding,
      node,
      program: module('clusters/seed-process'),
      database: options.database.database,
      shard: unit.isShard ? name : undefined,
      url: cluster.url(),
      seeds: database.seeds.map((file) => ({
        key: relative(options.blueprintDirectory, file),
        file: pathInRelease(release, file),
      })),
      onProgress: ({ message }) => prepare('seeding', message),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  /** Whatever a start comes to, it leaves nothing that runs behind. */
  async function orStop<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } catch (error) {
      options.onStartFailed?.()
      await backups?.stop(0)
      await cluster.stop()
      // Who was told to end has not failed.
      preparation = undefined
      if (hasCode(error, 'TF_ABORTED')) report()
      else prepare('failed', messageOf(error))
      throw error
    }
  }

  async function becomeReady(signal: AbortSignal | undefined): Promise<void> {
    await applyMessaging(signal)
    await applySeeds(options.database, options.code, signal)
    cluster.holdToLimits()
    await backups?.start(signal)
    preparation = undefined
    report()
  }

  const phases: StartPhases = {
    open(signal) {
      prepare('starting')
      return orStop(cluster.start(signal))
    },
    migrate: (signal) => orStop(applyMigrations(options.database, signal)),
    complete: (signal) => orStop(becomeReady(signal)),
  }

  /** An update changes what is shown only while it goes on. */
  async function thenReport<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } finally {
      preparation = undefined
      report()
    }
  }

  const updates: UpdatePhases = {
    migrate: (database, signal) => thenReport(applyMigrations(database, signal)),
    complete: (database, code, signal) =>
      thenReport(applyMessaging(signal).then(() => applySeeds(database, code, signal))),
  }

  const unit: DatabaseUnit = {
    name,
    isShard: options.database.shard !== undefined,
    phases,
    updates,
    backups,
    url: () => cluster.url(),
    adminUrl: () => cluster.adminUrl(),
    get term() {
      return cluster.term
    },
    binding: (service) => shardBinding(cluster, service),
    hasFollowers: (options.database.followers?.count ?? 0) > 0,
    primary,
    switchover: () => cluster.switchover(),
    admit: (services) => cluster.admit(services),
    async start(signal) {
      await phases.open(signal)
      await phases.migrate(signal)
      await orStop(options.layOut?.(signal) ?? Promise.resolve())
      await phases.complete(signal)
    },
    async update(database, code, signal) {
      await updates.migrate(database, signal)
      await options.layOut?.(signal)
      await updates.complete(database, code, signal)
    },
    showBuckets(now) {
      if (now === buckets) return
      buckets = now
      report()
    },
    async pendingMigrations(directories) {
      if (directories.length === 0) return []
      const connection = connectDatabase({ url: cluster.url(), connectionsMax: 1 })
      return pendingMigrations(connection, directories).finally(() => connection.end())
    },
    async whileStopped(work, signal) {
      await unit.stop()
      try {
        return await work()
      } finally {
        await unit.start(signal)
      }
    },
    async stop(deadlineMs) {
      await backups?.stop(deadlineMs)
      await cluster.stop(deadlineMs)
      // A start that failed stays readable in the status.
      if (preparation?.state !== 'failed') preparation = undefined
      report()
    },
  }
  return unit
}
