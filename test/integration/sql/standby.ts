import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withBackupMode } from '../../../src/clusters/backup-mode.ts'
import { clusterPathsOf, readClusterRecord } from '../../../src/clusters/cluster-record.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { copyDataDirectory } from '../../../src/clusters/copy-data-directory.ts'
import { recordTerm } from '../../../src/clusters/term-table.ts'
import { startPostmaster } from '../../../src/clusters/postmaster.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { TestBed } from '../clusters/test-bed.ts'

/** A real follower of a cluster, made by hand: what a service has to bear of nodes is tested without an operator. */
export interface Standby {
  /** The database as its owner, on this node. */
  readonly url: string
  readonly admin: DatabaseConnection
  /** Whether it goes on replaying what the primary sends. */
  replay(isOn: boolean): Promise<void>
  /** Makes it a primary, of this term. */
  promote(term: number): Promise<void>
}

/** Clones a running cluster of the bed; the clone ends with the bed. */
export async function followBy(bed: TestBed, cluster: Cluster, name: string): Promise<Standby> {
  const { user, socketDirectory, binaries, subprocesses } = bed
  const paths = clusterPathsOf(join(bed.directory, cluster.name))
  const data = join(bed.directory, name)
  await mkdir(data, { mode: 0o700 })
  if (user !== undefined) await chown(data, user.uid, user.gid)
  const signal = new AbortController().signal
  const { bounds } = await withBackupMode({ url: cluster.adminUrl(), label: name }, () =>
    copyDataDirectory({ from: paths.data, to: data, user, signal }),
  )
  for (const [file, content] of [
    ['backup_label', bounds.backupLabel],
    ['standby.signal', ''],
  ] as const) {
    await writeFile(join(data, file), content)
    await chmod(join(data, file), 0o600)
    if (user !== undefined) await chown(join(data, file), user.uid, user.gid)
  }
  const password = (await readClusterRecord(paths))?.superuserPassword
  const port = await findFreePort()
  const adminUrl = withPort(cluster.adminUrl(), port)
  await startPostmaster({
    name,
    settings: {
      dataDirectory: data,
      port,
      socketDirectory,
      sharedBuffersBytes: 16 * 1024 * 1024,
      connectionsMax: 100,
      overrides: {
        primary_conninfo: `host=${socketDirectory} port=${cluster.port} user=postgres password=${password} application_name=${name}`,
      },
    },
    binaries,
    subprocesses,
    user,
    limits: undefined,
    logFile: join(bed.directory, `${name}.log`),
    clock: systemClock,
    adminUrl,
    startTimeoutMs: 60_000,
    signal,
  })
  const admin = bed.connect(adminUrl, { connectionsMax: 1 })
  return {
    url: withPort(cluster.url(), port),
    admin,
    async replay(isOn) {
      await admin.query(`select pg_wal_replay_${isOn ? 'resume' : 'pause'}()`)
    },
    async promote(term) {
      await admin.query('select pg_promote()')
      await recordTerm(adminUrl, { term, node: term })
    },
  }
}

function withPort(text: string, port: number): string {
  const url = new URL(text)
  // Over a socket the port is an option, over TCP a part of the address.
  if (url.searchParams.has('port')) url.searchParams.set('port', String(port))
  else url.port = String(port)
  return url.href
}
