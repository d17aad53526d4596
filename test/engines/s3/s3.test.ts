import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pull } from '../../../src/backups/pull.ts'
import { bucketRepository } from '../../../src/backups/repositories/bucket.ts'
import { restore } from '../../../src/backups/restore.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { repositoryCases } from '../../backups/repository-cases.ts'
import { startBackupBed } from '../../integration/backups/backup-bed.ts'
import { createTestBed } from '../../integration/clusters/test-bed.ts'
import type { S3Store } from './s3-store.ts'
import { HOW_TO_GET, startS3Store } from './s3-store.ts'

let store: S3Store | undefined
let ran = 0

beforeAll(async () => {
  store = await startS3Store()
}, 60_000)
afterAll(async () => {
  await store?.stop()
  const said =
    store === undefined
      ? `skipped  versitygw, because it is not installed: ${HOW_TO_GET}`
      : `ran      versitygw ${store.version}: ${ran} cases`
  process.stdout.write(`\n${said}\n`)
})

describe('a repository in a bucket of a real store', () => {
  test.for(repositoryCases)('$name', { timeout: 120_000 }, async ({ name, run }, { skip }) => {
    if (store === undefined) return skip('versitygw is not installed')
    const directory = mkdtempSync(join(tmpdir(), 'a bucket '))
    try {
      await run(
        bucketRepository(store.bucket(`${name.slice(0, 20)}/+1`), { clock: systemClock, secrets: store.secrets }),
        directory,
      )
      ran++
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('is told what is wrong: keys, a bucket that is not there, a lock that it has not', async ({ skip }) => {
    if (store === undefined) return skip('versitygw is not installed')
    const { secrets } = store
    const write = (bucket: Parameters<typeof bucketRepository>[0], keys = secrets): Promise<unknown> =>
      bucketRepository(bucket, { clock: systemClock, secrets: keys }).write('x', Buffer.from('1'))
    const wrong = async (): Promise<Record<string, string>> => ({ ...(await secrets()), AWS_SECRET_ACCESS_KEY: 'x' })
    const code = 'TF_REPOSITORY_UNREACHABLE'
    await expect(write(store.bucket('a'), wrong)).rejects.toMatchObject({ code, hint: expect.stringContaining('keys') })
    await expect(write(store.bucket('a', { name: 'none' }))).rejects.toMatchObject({
      code,
      hint: expect.stringContaining('create the bucket'),
    })
    await expect(write(store.bucket('a', { lockMs: 60_000 }))).rejects.toMatchObject({ code })
    ran++
  })

  test('locks what it writes, and a key with a lock can still be hidden and written anew', async ({ skip }) => {
    if (store === undefined) return skip('versitygw is not installed')
    await store.makeBucket('locked')
    const repository = bucketRepository(store.bucket('a', { name: 'locked', lockMs: 3_600_000 }), {
      clock: systemClock,
      secrets: store.secrets,
    })
    expect(await repository.write('x', Buffer.from('1'))).toBe('written')
    expect(await repository.write('x', Buffer.from('2'))).toBe('exists')
    expect(await store.retentionOf('locked', 'a/x')).toContain('<Mode>COMPLIANCE</Mode>')
    await repository.remove(['x'])
    expect(await repository.read('x')).toBeUndefined()
    ran++
  })

  test(
    'takes a backup and the archive of a database, which is restored from it',
    { timeout: 180_000 },
    async ({ skip }) => {
      if (store === undefined) return skip('versitygw is not installed')
      const bed = await createTestBed()
      try {
        const means = { clock: systemClock, secrets: store.secrets }
        const orders = await startBackupBed(bed, 'orders', {
          repository: bucketRepository(store.bucket('orders'), means),
        })
        const owner = bed.connect(orders.cluster.url())
        await owner.query('create table entry (id int primary key)')
        await owner.query('insert into entry select generate_series(1, 100000)')
        await orders.take()
        await owner.query('insert into entry values (200000)')
        await owner.end()
        await orders.flush()
        const options = await orders.restoreOptions({ kind: 'latest' }, join(bed.directory, 'restored'))
        let highest: number | undefined
        const restored = await restore({
          ...options,
          async inspect(url) {
            const reader = bed.connect(url)
            highest = (await reader.query<{ id: number }>('select max(id) as id from entry')).rows[0]?.id
            await reader.end()
          },
        })
        expect(highest).toBe(200_000)
        expect(restored.checked.tables).toBeGreaterThan(50)
        const pulled = join(bed.directory, 'pulled')
        const signal = AbortSignal.timeout(60_000)
        const report = await pull({ from: orders.repository, to: pulled, clock: systemClock, signal })
        expect(report.alarms).toEqual([])
        expect(report.copiedObjects).toBeGreaterThan(500)
        await orders.stop()
        ran++
      } finally {
        await bed.end()
      }
    },
  )
})
