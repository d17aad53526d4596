import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BackupManifest } from '../../src/backups/manifest.ts'
import { backupName, readManifest, writeManifest } from '../../src/backups/manifest.ts'
import { parseRecovery } from '../../src/backups/recovery.ts'
import { isSameWal, packWal, unpackWal } from '../../src/backups/wal-object.ts'

const manifest: BackupManifest = {
  layout: 1,
  name: '20261122T231959Z',
  database: 'orders',
  systemIdentifier: '7391',
  postgresVersion: '18.4',
  tenfoldVersion: '0.1.0',
  startedEpochMs: 1,
  endedEpochMs: 2,
  startLsn: '0/2000028',
  stopLsn: '0/2000120',
  timeline: 1,
  backupLabel: 'START TIMELINE: 1\n',
  directories: ['base'],
  files: [['base/1', 3, 'a'.repeat(64)]],
  sizeBytes: 3,
}

describe('a manifest', () => {
  test('is read as it was written', () => {
    expect(readManifest('key', writeManifest(manifest))).toEqual(manifest)
    expect(backupName(Date.UTC(2026, 10, 22, 23, 19, 59, 7))).toBe('20261122T231959Z')
  })

  test('with one bit changed is not read', () => {
    const written = writeManifest(manifest)
    fc.assert(
      fc.property(fc.nat(written.length * 8 - 1), (bit) => {
        const changed = Buffer.from(written)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        // The line end at the very end says nothing.
        if (bit >> 3 === written.length - 1) return
        expect(() => readManifest('orders/1/base/x/manifest.json', changed)).toThrow('orders/1/base/x/manifest.json')
      }),
    )
  })

  test('that leads out of the data directory is refused', () => {
    const files = [['../../etc/passwd', 3, 'a'.repeat(64)]] as const
    expect(() => readManifest('key', writeManifest({ ...manifest, files }))).toThrow('inside the data directory')
  })
})

describe('a file of the log', () => {
  const content = Buffer.alloc(20_000, 'segment')

  test('comes back as it was, from less space', async () => {
    const object = await packWal('000000010000000000000005', content)
    expect(object.length).toBeLessThan(1_000)
    expect(await unpackWal('key', object)).toEqual({ name: '000000010000000000000005', content })
    expect(isSameWal(object, '000000010000000000000005', content)).toBe(true)
    expect(isSameWal(object, '000000010000000000000005', Buffer.from('other'))).toBe(false)
    expect(isSameWal(Buffer.from('encrypted'), '000000010000000000000005', content)).toBe(false)
  })

  test('with one bit changed is never handed out as something else', async () => {
    const object = await packWal('000000010000000000000005', content)
    await fc.assert(
      fc.asyncProperty(fc.nat(object.length * 8 - 1), async (bit) => {
        const changed = Buffer.from(object)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        const read = await unpackWal('key', changed).catch((error: unknown) => error)
        // A bit of the format that no decoder looks at changes nothing of the content; the name is compared by who asked.
        if (!(read instanceof Error)) expect((read as { content: Buffer }).content.equals(content)).toBe(true)
        else expect(read).toMatchObject({ code: 'TF_BACKUP_DAMAGED' })
      }),
    )
  })
})

test('what recovery says of itself is read from the last run in the log', () => {
  const log = [
    'LOG:  redo starts at 0/2000028',
    'LOG:  redo done at 0/3000000 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.50 s',
    'LOG:  redo starts at 0/2000028',
    'LOG:  redo done at 0/4000028 system usage: CPU: user: 0.01 s, system: 0.00 s, elapsed: 1.25 s',
    'LOG:  last completed transaction was at log time 2026-11-22 23:19:00.1+00',
  ].join('\n')
  expect(parseRecovery(log)).toEqual({
    fromLsn: '0/2000028',
    toLsn: '0/4000028',
    bytes: 0x2000000,
    elapsedMs: 1_250,
    lastCommit: '2026-11-22 23:19:00.1+00',
  })
})
