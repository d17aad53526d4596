import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createArchiver } from '../../src/backups/archiver.ts'
import { keysOf } from '../../src/backups/lineage.ts'
import type { SpoolGuard } from '../../src/backups/spool-guard.ts'
import { createSpoolGuard, isDropped, planDrop } from '../../src/backups/spool-guard.ts'
import { segmentName } from '../../src/backups/wal-names.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { memoryRepository } from './memory-repository.ts'

const SEGMENT = 16 * 1024 ** 2
const GIB = 1024 ** 3

function segments(from: number, to: number, timeline = 1): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => segmentName({ timeline, number: BigInt(from + index) }))
}

describe('the bound of a spool', () => {
  test('is half of the room that it has, and the oldest leave', () => {
    expect(planDrop(segments(1, 128), 2 * GIB)).toEqual([])
    expect(planDrop(segments(1, 130), 2 * GIB - 2 * SEGMENT)).toEqual(segments(1, 2))
  })

  test('is not less than 1 GiB: a disk that others have filled is no reason to drop what is about to be taken', () => {
    expect(planDrop(segments(1, 64), 0)).toEqual([])
    expect(planDrop(segments(1, 65), 0)).toEqual(segments(1, 1))
  })

  test('leaves histories alone', () => {
    const names = ['00000002.history', ...segments(1, 3), `${segments(2, 2)[0]}.00000028.backup`]
    expect(planDrop(names, 0, 2 * SEGMENT)).toEqual(segments(1, 1))
    expect(planDrop(names, 0, 0)).toEqual(segments(1, 3))
  })
})

describe('what was dropped', () => {
  const [at] = segments(7, 7)
  const dropped = { files: 2, first: segments(6, 6)[0]!, last: at!, epochMs: 1 }

  test('is missing in what needs a part of it, on its timeline or an older one', () => {
    const isMissing = (from: number, to: number, timeline = 1): boolean =>
      isDropped(dropped, segments(from, from, timeline)[0]!, segments(to, to, timeline)[0]!)
    expect([isMissing(4, 5), isMissing(5, 6), isMissing(7, 9), isMissing(8, 9)]).toEqual([false, true, true, false])
    // Restored to before it: the numbers begin anew.
    expect(isMissing(6, 7, 2)).toBe(false)
    expect(isDropped(undefined, at!, at!)).toBe(false)
  })
})

describe('the guard of a spool', () => {
  let spool: string
  let clock: VirtualClock
  let guard: SpoolGuard

  beforeEach(async () => {
    spool = await mkdtemp(join(tmpdir(), 'a spool '))
    clock = virtualClock()
    guard = createSpoolGuard({ spool, clock, maxBytes: 3 * SEGMENT, onChange: () => undefined })
  })

  afterEach(async () => {
    await guard.stop()
    await rm(spool, { recursive: true, force: true })
  })

  const until = (holds: () => Promise<void> | void): Promise<void> =>
    vi.waitFor(async () => {
      await clock.advance(1_000)
      await holds()
    })

  test('drops the oldest, and knows it after a restart until a backup makes good for it', async () => {
    for (const name of segments(1, 5)) await writeFile(join(spool, name), '')
    await guard.start()
    await until(async () => expect(await readdir(spool)).toEqual([...segments(3, 5), 'dropped.json']))
    await guard.stop()
    await writeFile(join(spool, segments(6, 6)[0]!), '')
    guard = createSpoolGuard({ spool, clock, maxBytes: 3 * SEGMENT, onChange: () => undefined })
    await guard.start()
    expect(guard.dropped).toMatchObject({ files: 2, first: segments(1, 1)[0], last: segments(2, 2)[0] })
    await until(() => expect(guard.dropped).toMatchObject({ files: 3, last: segments(3, 3)[0] }))
    await guard.stop()
    await guard.madeGood(segments(3, 3)[0]!)
    expect(guard.dropped?.files).toBe(3)
    await guard.madeGood(segments(4, 4)[0]!)
    expect(guard.dropped).toBeUndefined()
    expect(await readdir(spool)).toEqual(segments(4, 6))
  })

  test('does not guess what an unreadable mark said', async () => {
    await writeFile(join(spool, 'dropped.json'), '{"files": 2')
    await expect(guard.start()).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
      hint: expect.stringContaining('remove it'),
    })
  })

  test('who waits for what was dropped is told, also once something later has been taken', async () => {
    const repository = memoryRepository()
    repository.failure = new TenfoldError('TF_REPOSITORY_UNREACHABLE', 'expected the folder, but it is gone')
    const keys = keysOf({ database: 'orders', systemIdentifier: '7' })
    const archiver = createArchiver({ spool, repository, keys, clock, spoolMaxBytes: 3 * SEGMENT })
    for (const name of segments(1, 5)) await writeFile(join(spool, name), name)
    await archiver.start()
    try {
      await until(() => expect(archiver.dropped?.files).toBe(2))
      const waits = [
        expect(archiver.untilArchived(segments(2, 2)[0]!)).rejects.toMatchObject({ code: 'TF_BACKUP_INCOMPLETE' }),
        expect(archiver.untilArchived(segments(5, 5)[0]!, undefined, segments(2, 2)[0])).rejects.toThrow(
          'were dropped',
        ),
        archiver.untilArchived(segments(5, 5)[0]!, undefined, segments(3, 3)[0]),
      ]
      repository.failure = undefined
      await until(() => expect(archiver.last?.name).toBe(segments(5, 5)[0]))
      await Promise.all(waits)
    } finally {
      await archiver.stop()
    }
  })
})
