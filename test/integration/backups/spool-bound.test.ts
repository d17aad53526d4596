import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCatalog } from '../../../src/backups/catalog.ts'
import { createDatabaseBackups } from '../../../src/backups/database-backups.ts'
import { reachOf } from '../../../src/backups/log-path.ts'
import { folderRepository } from '../../../src/backups/repositories/folder.ts'
import { restore } from '../../../src/backups/restore.ts'
import { planRestore } from '../../../src/backups/restore-plan.ts'
import { clusterPathsOf } from '../../../src/clusters/cluster-record.ts'
import type { BackupStatus } from '../../../src/control/backup-status.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { openSession } from '../../../src/sql/session.ts'
import { createTestBed } from '../clusters/test-bed.ts'
import { startBackupBed } from './backup-bed.ts'

const SEGMENTS_MAX = 3
const PATIENCE = { timeout: 60_000, interval: 200 }

test(
  'an archive that is stuck costs log, loudly, and not the disk; a backup makes it whole once it is there again',
  { timeout: 240_000 },
  async () => {
    const bed = await createTestBed()
    const mount = join(bed.directory, 'mount')
    const repository = folderRepository(join(mount, 'backups'))
    await mkdir(mount)
    // Its own archiver is not wanted here.
    const orders = await startBackupBed(bed, 'orders', { repository })
    await orders.archiver.stop()
    const paths = clusterPathsOf(join(bed.directory, 'orders'))
    let status: BackupStatus | undefined
    const problems: string[] = []
    const backups = createDatabaseBackups({
      settings: {
        to: { kind: 'folder', path: repository.where },
        everyMs: 86_400_000,
        keep: { backups: 7 },
        walEveryMs: 60_000,
      },
      repository,
      lineage: async () => orders.lineage,
      spool: paths.spool,
      dataDirectory: () => paths.data,
      url: () => orders.cluster.adminUrl(),
      postgresVersion: bed.binaries.version,
      tenfoldVersion: '0.0.0',
      clock: systemClock,
      spoolMaxBytes: SEGMENTS_MAX * 16 * 1024 ** 2,
      onStatus: (now) => (status = now),
      onProblem: (problem) => problems.push(problem ?? 'well'),
    })
    const owner = bed.connect(orders.cluster.url())
    try {
      await owner.query('create table entry (id int primary key)')
      await backups.start()
      const first = await backups.take()
      await rename(mount, `${mount} away`)

      const admin = bed.connect(orders.cluster.adminUrl())
      for (let id = 1; id <= SEGMENTS_MAX + 4; id++) {
        await owner.query('insert into entry values ($1)', [id])
        await admin.query('select pg_switch_wal()')
      }
      await expect.poll(() => status?.dropped?.files, PATIENCE).toBeGreaterThanOrEqual(3)
      const waiting = async (): Promise<number> =>
        (await readdir(paths.spool)).filter((name) => /^[0-9A-F]{24}$/.test(name)).length
      await expect.poll(waiting, PATIENCE).toBe(SEGMENTS_MAX)
      expect(problems.join('\n')).toContain(`LOG WAS DROPPED from ${status!.dropped!.fromLsn} on`)
      // The database goes on.
      await owner.query('insert into entry values (100)')

      await rename(`${mount} away`, mount)
      await expect.poll(() => status?.last?.name !== first.name && status?.dropped, PATIENCE).toBe(undefined)
      await expect.poll(() => problems.at(-1), PATIENCE).toBe('well')
      await owner.query('insert into entry values (101)')
      await backups.flush(30_000)
      const catalog = await readCatalog(repository, orders.lineage)
      const [holed, whole] = catalog.backups
      expect(reachOf(catalog, holed!, 1).hole?.isInBackup).toBe(false)
      expect(reachOf(catalog, whole!, 1).hole).toBeUndefined()
      expect(planRestore(catalog, { kind: 'name', name: first.name }).hole).toBeDefined()
      let ids = 0
      const inspect = async (url: string): Promise<void> => {
        const session = await openSession({ url, applicationName: 't', connectTimeoutMs: 5_000, statementTimeoutMs: 0 })
        ids = (await session.query<{ ids: number }>('select count(*)::int as ids from entry')).rows[0]!.ids
        await session.close()
      }
      const directory = join(bed.directory, 'restored')
      await restore({ ...(await orders.restoreOptions({ kind: 'latest' }, directory)), inspect })
      expect(ids).toBe(SEGMENTS_MAX + 4 + 2)
      await admin.end()
    } finally {
      await owner.end()
      await backups.stop(0)
      await orders.stop()
      await bed.end()
    }
  },
)
