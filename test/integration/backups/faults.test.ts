import { spawnSync } from 'node:child_process'
import { chmod, chown, cp, mkdir, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyRetention } from '../../../src/backups/apply-retention.ts'
import { readCatalog } from '../../../src/backups/catalog.ts'
import { tableChecksums } from '../../../src/backups/check-data.ts'
import { keysOf } from '../../../src/backups/lineage.ts'
import { pull } from '../../../src/backups/pull.ts'
import { folderRepository } from '../../../src/backups/repositories/folder.ts'
import type { RestoreOptions } from '../../../src/backups/restore.ts'
import { planRestore } from '../../../src/backups/restore-plan.ts'
import { restore } from '../../../src/backups/restore.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { openSession } from '../../../src/sql/session.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed } from '../clusters/test-bed.ts'
import type { BackupBed } from './backup-bed.ts'
import { startBackupBed } from './backup-bed.ts'

let bed: TestBed
let orders: BackupBed

beforeAll(async () => {
  bed = await createTestBed()
  orders = await startBackupBed(bed, 'orders')
  const owner = bed.connect(orders.cluster.url())
  await owner.query('create table entry (id int primary key, text text)')
  await owner.query(`insert into entry select n, repeat('x', 100) from generate_series(1, 20000) n`)
  await owner.end()
})

afterAll(async () => {
  await orders.stop()
  await bed.end()
})

let restores = 0

async function restoreFrom(folder: string, more: Partial<RestoreOptions> = {}): ReturnType<typeof restore> {
  const directory = join(bed.directory, `restored ${++restores}`)
  const options = await orders.restoreOptions({ kind: 'latest' }, directory)
  return restore({ ...options, repository: folderRepository(folder), ...more })
}

async function checksums(url: string): ReturnType<typeof tableChecksums> {
  const session = await openSession({ url, applicationName: 't', connectTimeoutMs: 5_000, statementTimeoutMs: 0 })
  return tableChecksums(session).finally(() => session.close())
}

/** Changes one bit in the middle of a file. */
async function damage(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  const { size } = await handle.stat()
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, size >> 1)
  byte[0]! ^= 1
  await handle.write(byte, 0, 1, size >> 1)
  await handle.close()
}

describe('backups', () => {
  test('of a server that dies meanwhile do not exist, and the next one cleans up', async () => {
    const dying = await startBackupBed(bed, 'dying')
    const taking = dying.take()
    const failed = expect(taking).rejects.toThrow()
    dying.cluster.process!.signal('SIGKILL')
    await failed
    const before = await readCatalog(dying.repository, dying.lineage)
    expect(before.backups).toEqual([])
    await expect.poll(() => dying.cluster.state.kind, { timeout: 20_000 }).toBe('ready')
    const manifest = await dying.take()
    const keep = { backups: 1 }
    await applyRetention({ repository: dying.repository, lineage: dying.lineage, keep, clock: systemClock })
    const after = await readCatalog(dying.repository, dying.lineage)
    expect(after.backups.map(({ name }) => name)).toEqual([manifest.name])
    expect(after.unfinished).toEqual([])
    await dying.stop()
  })

  test('with one bit changed are refused with the name of the file, and nothing is left of the attempt', async () => {
    const { name, files } = await orders.take()
    await orders.flush()
    const keys = keysOf(orders.lineage)
    const copy = join(bed.directory, 'a damaged copy')
    const [largest] = [...files].sort((a, b) => b[1] - a[1])[0]!
    await cp(orders.folder, copy, { recursive: true })
    await damage(join(copy, keys.base(name).file(largest)))
    await expect(restoreFrom(copy)).rejects.toMatchObject({
      code: 'TF_BACKUP_DAMAGED',
      message: expect.stringContaining(largest),
    })
    await expect(stat(join(bed.directory, `restored ${restores}`))).rejects.toMatchObject({ code: 'ENOENT' })

    const other = join(bed.directory, 'a damaged log')
    await cp(orders.folder, other, { recursive: true })
    const { segments } = await segmentsOf(other)
    await damage(join(other, keys.walObject(segments[0]!)))
    await expect(restoreFrom(other)).rejects.toMatchObject({
      code: 'TF_BACKUP_DAMAGED',
      message: expect.stringContaining(segments[0]!),
    })
  })

  test.skipIf(process.getuid?.() !== 0)(
    'survive somebody who can write wherever the database and its archive can: the pulled copy is restored, row by row (needs root: one user owns all else)',
    async () => {
      const intruder = bed.user!
      // Not below the bed, whose owner may be anybody's.
      const region = await mkdtemp(join(tmpdir(), 'another region '))
      try {
        await orders.take()
        await orders.flush()
        const truth = await checksums(orders.cluster.adminUrl())
        const source = join(bed.directory, 'reachable')
        await cp(orders.folder, source, { recursive: true })
        await give(source, intruder)
        const options = { to: region, clock: systemClock, signal: AbortSignal.timeout(60_000) }
        const first = await pull({ ...options, from: folderRepository(source) })
        expect(first.alarms).toEqual([])
        expect((await pull({ ...options, from: folderRepository(source) })).copiedObjects).toBe(0)

        // Makes garbage of what it can write, and then removes what it can remove.
        const script = `find "$@" -type f -exec sh -c 'for f; do echo encrypted > "$f"; done' _ {} + 2>/dev/null; true`
        const as = { uid: intruder.uid, gid: intruder.gid, cwd: '/' }
        expect(spawnSync('/bin/sh', ['-c', script, '_', source, region], as).status).toBe(0)
        const again = await pull({ ...options, from: folderRepository(source), keep: { backups: 1 } })
        expect(again.alarms.length).toBeGreaterThan(0)
        expect(again.removed).toEqual([])
        spawnSync('/bin/sh', ['-c', 'rm -rf "$@"; true', '_', source, region], as)
        await mkdir(source, { recursive: true })
        const last = await pull({ ...options, from: folderRepository(source), keep: { backups: 1 } })
        expect(last.alarms.map(({ message }) => message).join()).toContain('is gone')

        const inspect = async (url: string): Promise<void> => expect(await checksums(url)).toEqual(truth)
        const restored = await restoreFrom(region, { inspect })
        expect(restored.checked.tables).toBeGreaterThan(100)
      } finally {
        await rm(region, { recursive: true, force: true })
      }
    },
  )
})

async function segmentsOf(folder: string): Promise<{ segments: readonly string[] }> {
  const catalog = await readCatalog(folderRepository(folder), orders.lineage)
  return planRestore(catalog, { kind: 'latest' })
}

async function give(path: string, owner: { uid: number; gid: number }): Promise<void> {
  await chown(path, owner.uid, owner.gid)
  if (!(await stat(path)).isDirectory()) return
  await chmod(path, 0o700)
  for (const name of await readdir(path)) await give(join(path, name), owner)
}
