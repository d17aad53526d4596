import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCatalog } from '../../../src/backups/catalog.ts'
import { restore } from '../../../src/backups/restore.ts'
import { parseSegmentName, SEGMENT_BYTES } from '../../../src/backups/wal-names.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'
import { writeUniqueRows } from '../clusters/unique-writers.ts'
import type { BackupBed } from './backup-bed.ts'
import { startBackupBed } from './backup-bed.ts'

let bed: TestBed
let orders: BackupBed

beforeAll(async () => {
  bed = await createTestBed()
  orders = await startBackupBed(bed, 'orders', {
    cluster: { archiveEvery: '2s', followers: { count: 1, isSynchronous: true, durability: 'preferred' } },
  })
}, 120_000)

afterAll(async () => {
  await orders?.stop()
  await bed.end()
})

function isProtected(): boolean {
  const { state, nodes } = orders.cluster
  return state.kind === 'ready' && nodes.some((node) => node.role === 'standby' && node.state === 'ready')
}

/** A moment at which no write goes on, and the ids that are there. */
async function moment(): Promise<{ readonly epochMs: number; readonly ids: ReadonlySet<number> }> {
  const owner = bed.connect(orders.cluster.url())
  // Writers wait meanwhile: all that was committed before the time is seen, and nothing else.
  const found = await owner.transaction(async (transaction) => {
    await transaction.query('lock table entry in share mode')
    const { rows } = await transaction.query<{ id: number }>('select id from entry')
    const { rows: now } = await transaction.query<{ ms: string }>(
      `select (extract(epoch from clock_timestamp()) * 1000)::text as ms, pg_sleep(0.05)`,
    )
    return { epochMs: Math.ceil(Number(now[0]!.ms)), ids: new Set(rows.map(({ id }) => id)) }
  })
  await owner.end()
  return found
}

let restores = 0

async function idsAt(target: Parameters<BackupBed['restoreOptions']>[0]): Promise<ReadonlySet<number>> {
  const options = await orders.restoreOptions(target, join(bed.directory, `restored ${++restores}`))
  let ids: ReadonlySet<number> = new Set()
  await restore({
    ...options,
    async inspect(url) {
      const reader = bed.connect(url)
      ids = new Set((await reader.query<{ id: number }>('select id from entry')).rows.map(({ id }) => id))
      await reader.end()
    },
  })
  return ids
}

test('the archive has no hole where the primary was killed under writes: to the end, and to moments before and after', async () => {
  await until('a standby', isProtected)
  const writers = await writeUniqueRows(bed, orders.cluster)
  await orders.take()
  await until('some writes', () => writers.acknowledged() > 200)
  const before = await moment()
  const count = writers.acknowledged()
  await until('writes after it', () => writers.acknowledged() > count + 100)
  process.kill(orders.cluster.process!.identity.pid, 'SIGKILL')
  await until('another term', () => orders.cluster.term === 2)
  await until('a standby again', isProtected)
  const late = writers.acknowledged()
  await until('writes under it', () => writers.acknowledged() > late + 100)
  const after = await moment()
  await until('writes after that', () => writers.acknowledged() > late + 200)
  expect(await writers.end()).toEqual({ lost: 0, duplicated: 0 })
  const last = await moment()
  await orders.flush()
  expect(orders.archiver.problem).toBeUndefined()

  const { wal, histories } = await readCatalog(orders.repository, orders.lineage)
  const fork = histories.get(2)?.[0]?.at
  expect(fork).toBeDefined()
  const numbers = [...wal].flatMap((name) => {
    const segment = parseSegmentName(name)
    return segment?.timeline === 2 ? [segment.number] : []
  })
  expect(numbers).toContain(fork! / SEGMENT_BYTES)

  expect(await idsAt({ kind: 'latest' })).toEqual(last.ids)
  expect(await idsAt({ kind: 'time', epochMs: before.epochMs })).toEqual(before.ids)
  expect(await idsAt({ kind: 'time', epochMs: after.epochMs })).toEqual(after.ids)
}, 300_000)
