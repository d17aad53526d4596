import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterOptions } from '../../../src/clusters/cluster-options.ts'
import { createCluster } from '../../../src/clusters/cluster.ts'
import { clusterPathsOf, readClusterRecord } from '../../../src/clusters/cluster-record.ts'
import type { Cluster, ClusterState } from '../../../src/clusters/cluster-state.ts'
import type { ClusterTemplate } from '../../../src/clusters/initialise-data.ts'
import type { PostgresBinaries } from '../../../src/clusters/postgres-binaries.ts'
import { findPostgresBinaries } from '../../../src/clusters/postgres-binaries.ts'
import type { ChildUser } from '../../../src/core/child-user.ts'
import { findChildUser } from '../../../src/core/child-user.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { Subprocesses } from '../../../src/core/subprocess.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'
import type { DatabaseConnection, DatabaseOptions } from '../../../src/sql/database.ts'
import { connectDatabase } from '../../../src/sql/database.ts'

/** Real clusters in a directory of their own, all gone after `end`. */
export interface TestBed {
  readonly directory: string
  readonly socketDirectory: string
  readonly user: ChildUser | undefined
  readonly binaries: PostgresBinaries
  readonly subprocesses: Subprocesses
  /** A cluster of this bed, copied from a template unless told otherwise; not started. */
  cluster(name: string, options?: Partial<ClusterOptions>): Cluster
  connect(url: string, options?: DatabaseOptions & { connectionsMax?: number }): DatabaseConnection
  end(): Promise<void>
}

/** @param options.hasTemplate whether clusters are copies of one initdb, which is much faster */
export async function createTestBed(options: { hasTemplate?: boolean } = {}): Promise<TestBed> {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold bed-'))
  await chmod(directory, 0o711)
  const user = findChildUser()
  const binaries = await findPostgresBinaries({ user, cacheDirectory: join(directory, 'binaries') })
  const subprocesses = await createSubprocesses({
    recordFile: join(directory, 'children.json'),
    runToken: uniqueId(),
    isEphemeral: true,
  })
  const socketDirectory = await mkdtemp('/tmp/tenfold-bed-')
  if (user !== undefined) await chown(socketDirectory, user.uid, user.gid)
  const clusters: Cluster[] = []
  const connections: DatabaseConnection[] = []
  let template: ClusterTemplate | undefined
  const cluster = (name: string, more: Partial<ClusterOptions> = {}): Cluster => {
    const made = createCluster({
      name,
      dataDirectory: join(directory, name),
      socketDirectory,
      binaries,
      subprocesses,
      user,
      template,
      logFile: join(directory, `${name}.log`),
      ...more,
    })
    clusters.push(made)
    return made
  }
  const bed: TestBed = {
    directory,
    socketDirectory,
    user,
    binaries,
    subprocesses,
    cluster,
    connect(url, { connectionsMax = 2, ...more } = {}) {
      const connection = connectDatabase({ url, connectionsMax }, more)
      connections.push(connection)
      return connection
    },
    async end() {
      await Promise.all(connections.map((connection) => connection.end()))
      await Promise.all(clusters.map((started) => started.stop(5_000)))
      await subprocesses.stopAll()
      await rm(socketDirectory, { recursive: true, force: true })
      await rm(directory, { recursive: true, force: true })
    },
  }
  try {
    if (options.hasTemplate !== false) template = await makeTemplate(directory, cluster('template'))
    return bed
  } catch (error) {
    await bed.end()
    throw error
  }
}

/** Waits until a condition holds, for at most a minute: machines are busy. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.nowMs() + 60_000
  while (!(await holds())) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`expected ${what} within a minute`)
    await sleep(systemClock, 10)
  }
}

/** Remembers the states that a cluster goes through. */
export function stateLog(): { readonly kinds: readonly ClusterState['kind'][]; onState(state: ClusterState): void } {
  const kinds: ClusterState['kind'][] = []
  return { kinds, onState: ({ kind }) => void kinds.push(kind) }
}

async function makeTemplate(directory: string, cluster: Cluster): Promise<ClusterTemplate> {
  await cluster.start()
  await cluster.stop()
  const paths = clusterPathsOf(join(directory, 'template'))
  const record = await readClusterRecord(paths)
  if (record === undefined) throw new Error('expected the template to have a record')
  return { directory: paths.data, superuserPassword: record.superuserPassword }
}
