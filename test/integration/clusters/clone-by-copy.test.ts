import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withBackupMode } from '../../../src/clusters/backup-mode.ts'
import { copyDataDirectory } from '../../../src/clusters/copy-data-directory.ts'
import { serverArguments } from '../../../src/clusters/server-settings.ts'
import { writeFileDurably } from '../../../src/core/durable-file.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed, until } from './test-bed.ts'

let bed: TestBed

beforeAll(async () => {
  bed = await createTestBed()
})

afterAll(() => bed.end())

describe('a copy of a running data directory', () => {
  test('becomes a standby that has every row, also those that were written during the copy', async () => {
    const cluster = bed.cluster('orders')
    await cluster.start()
    const owner = bed.connect(cluster.url())
    await owner.query('create table entry (id int primary key)')
    await owner.query('create unlogged table scratch (id int)')
    await owner.query('insert into scratch select generate_series(1, 1000)')
    await owner.query('insert into entry select generate_series(1, 1000)')
    const from = join(bed.directory, 'orders', 'data')
    const to = join(bed.directory, 'orders', 'copy')
    const progress: number[] = []
    const { bounds, result } = await withBackupMode({ url: cluster.adminUrl(), label: 'clone' }, async () => {
      await owner.query('insert into entry select generate_series(1001, 2000)')
      const copied = await copyDataDirectory({
        from,
        to,
        user: bed.user,
        onProgress: ({ doneBytes, totalBytes }) => progress.push(doneBytes / totalBytes),
      })
      await owner.query('insert into entry select generate_series(2001, 3000)')
      return copied
    })
    expect(bounds.timeline).toBe(1)
    expect(bounds.backupLabel).toContain('LABEL: clone')
    expect(result.files).toBeGreaterThan(500)
    expect(progress.at(-1)).toBeGreaterThan(0.9)
    expect(await readdir(join(to, 'pg_wal'))).toEqual(expect.arrayContaining(['archive_status']))
    expect(await stat(join(to, 'postmaster.pid')).catch(() => 'absent')).toBe('absent')
    expect((await stat(to)).mode & 0o777).toBe(0o700)

    await writeFileDurably(join(to, 'backup_label'), bounds.backupLabel, { owner: bed.user })
    await writeFileDurably(join(to, 'standby.signal'), '', { owner: bed.user })
    const port = await findFreePort()
    const primary = new URL(cluster.adminUrl())
    const conninfo = `host=127.0.0.1 port=${cluster.port} user=postgres password=${primary.password}`
    const standby = await bed.subprocesses.spawn({
      name: 'copy',
      command: bed.binaries.postgres,
      args: serverArguments({
        dataDirectory: to,
        port,
        socketDirectory: bed.socketDirectory,
        sharedBuffersBytes: 32 * 1024 ** 2,
        connectionsMax: 100,
        overrides: { primary_conninfo: conninfo },
      }),
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      user: bed.user,
      outputFile: join(bed.directory, 'copy.log'),
    })
    const reader = bed.connect(cluster.url().replace(`:${cluster.port}/`, `:${port}/`))
    await until('the copy to have all rows', async () => {
      const { rows } = await reader
        .query<{ count: number }>('select count(*)::int as count from entry')
        .catch(() => ({ rows: [] }))
      return rows[0]?.count === 3000
    })
    await reader.end()
    await owner.end()
    await standby.stop(5_000)
    await cluster.stop()
  })

  test('ends backup mode when the copying fails, and says when it was cancelled', async () => {
    const cluster = bed.cluster('failing')
    await cluster.start()
    const url = cluster.adminUrl()
    const failing = withBackupMode({ url, label: 'x' }, () => Promise.reject(new Error('disk gone')))
    await expect(failing).rejects.toThrow('disk gone')
    const abort = new AbortController()
    const cancelled = withBackupMode({ url, label: 'x', signal: abort.signal }, async () => abort.abort())
    await expect(cancelled).rejects.toMatchObject({ code: 'TF_ABORTED' })
    // A server that is still in backup mode would not be stopped by a fast shutdown alone.
    await cluster.stop()
  })
})
