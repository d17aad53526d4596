import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCatalog, writePoint } from '../../../src/backups/catalog.ts'
import { keysOf } from '../../../src/backups/lineage.ts'
import { restore } from '../../../src/backups/restore.ts'
import { SEGMENT_BYTES, segmentName, segmentOf } from '../../../src/backups/wal-names.ts'
import { formatPosition, parsePosition } from '../../../src/sql/log-position.ts'
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
  await owner.query('create table entry (id int primary key, at timestamptz not null default now())')
  await owner.query('insert into entry select generate_series(1, 1000)')
  await orders.take()
  await owner.end()
})

afterAll(async () => {
  await orders.stop()
  await bed.end()
})

async function add(id: number): Promise<void> {
  const owner = bed.connect(orders.cluster.url())
  await owner.query('insert into entry values ($1)', [id])
  await owner.end()
}

async function position(): Promise<{ lsn: string; epochMs: number }> {
  const admin = bed.connect(orders.cluster.adminUrl())
  const { rows } = await admin.query<{ lsn: string; ms: string }>(
    `select pg_current_wal_insert_lsn()::text as lsn, (extract(epoch from clock_timestamp()) * 1000)::text as ms`,
  )
  await admin.end()
  return { lsn: rows[0]!.lsn, epochMs: Number(rows[0]!.ms) }
}

let restores = 0

/** The highest id in what is restored. */
async function restoredTo(target: Parameters<BackupBed['restoreOptions']>[0]): Promise<number> {
  const directory = join(bed.directory, `restored ${++restores}`)
  let highest = 0
  const inspect = async (url: string): Promise<void> => {
    const session = await openSession({ url, applicationName: 't', connectTimeoutMs: 5_000, statementTimeoutMs: 0 })
    const { rows } = await session.query<{ id: number }>('select max(id) as id from entry')
    highest = rows[0]!.id
    await session.close()
  }
  await restore({ ...(await orders.restoreOptions(target, directory)), inspect })
  return highest
}

describe('a restore', () => {
  test(
    'goes to a point between two writes, by time, by position, by name, and to the end',
    { timeout: 180_000 },
    async () => {
      await add(2001)
      const between = await position()
      await writePoint(orders.repository, orders.lineage, { name: 'before-menu', timeline: 1, ...between })
      await add(2002)
      await add(2003)
      await orders.flush()
      const { backups } = await readCatalog(orders.repository, orders.lineage)
      expect(await restoredTo({ kind: 'time', epochMs: Math.ceil(between.epochMs) })).toBe(2001)
      expect(await restoredTo({ kind: 'lsn', lsn: between.lsn })).toBe(2001)
      expect(await restoredTo({ kind: 'name', name: 'before-menu' })).toBe(2001)
      expect(await restoredTo({ kind: 'name', name: backups[0]!.name })).toBe(1000)
      expect(await restoredTo({ kind: 'latest' })).toBe(2003)
      // Nobody has written since: the end of the log is the state of then.
      expect(await restoredTo({ kind: 'time', epochMs: Date.now() })).toBe(2003)
    },
  )

  test('goes to every moment before a hole in the log, and says which is the last', { timeout: 180_000 }, async () => {
    await add(2004)
    const before = await position()
    await add(2005)
    const end = await orders.flush()
    await add(2006)
    const lost = await position()
    await orders.flush()
    await add(2007)
    await orders.flush()
    const { wal } = await readCatalog(orders.repository, orders.lineage)
    const missing = segmentName(segmentOf(1, parsePosition(lost.lsn)))
    expect(wal).toContain(missing)
    await orders.repository.remove([keysOf(orders.lineage).walObject(missing)])
    expect(await restoredTo({ kind: 'time', epochMs: Math.ceil(before.epochMs) })).toBe(2004)
    expect(await restoredTo({ kind: 'lsn', lsn: end })).toBe(2005)
    const hole = { code: 'TF_BACKUP_INCOMPLETE', message: expect.stringContaining(missing) }
    await expect(restoredTo({ kind: 'latest' })).rejects.toMatchObject(hole)
    await expect(restoredTo({ kind: 'time', epochMs: Math.ceil(lost.epochMs) })).rejects.toMatchObject({
      ...hole,
      details: { lastCommit: expect.stringMatching(/^20\d\d-/) },
    })
    // As the error says.
    const reachable = formatPosition(segmentOf(1, parsePosition(lost.lsn)).number * SEGMENT_BYTES)
    expect(await restoredTo({ kind: 'lsn', lsn: reachable })).toBe(2005)
    // A backup from after it makes the log whole from there on.
    await orders.take()
    await add(2008)
    await orders.flush()
    expect(await restoredTo({ kind: 'latest' })).toBe(2008)
  })
})
