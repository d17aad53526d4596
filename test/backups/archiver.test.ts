import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Archiver } from '../../src/backups/archiver.ts'
import { createArchiver } from '../../src/backups/archiver.ts'
import { keysOf } from '../../src/backups/lineage.ts'
import { drainSpool } from '../../src/backups/spool.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { MemoryRepository } from './memory-repository.ts'
import { memoryRepository } from './memory-repository.ts'

const FIRST = '000000010000000000000001'
const SECOND = '000000010000000000000002'
const keys = keysOf({ database: 'orders', systemIdentifier: '7' })

let spool: string
let repository: MemoryRepository
let clock: VirtualClock
let archiver: Archiver

beforeEach(async () => {
  spool = await mkdtemp(join(tmpdir(), 'a spool '))
  repository = memoryRepository()
  clock = virtualClock()
  archiver = createArchiver({ spool, repository, keys, clock })
})

afterEach(async () => {
  await archiver.stop()
  await rm(spool, { recursive: true, force: true })
})

/** Lets the clock go on until something holds. */
async function until(holds: () => boolean): Promise<void> {
  await vi.waitFor(async () => {
    await clock.advance(300)
    expect(holds()).toBe(true)
  })
}

describe('the archiver', () => {
  test('takes what is finished, and only then removes it', async () => {
    await writeFile(join(spool, SECOND), 'two')
    await writeFile(join(spool, FIRST), 'one')
    await writeFile(join(spool, `archtemp.${FIRST}.1`), 'half')
    await archiver.start()
    await until(() => archiver.last?.name === SECOND)
    expect([...repository.objects.keys()]).toEqual([keys.walObject(FIRST), keys.walObject(SECOND)])
    expect(await readdir(spool)).toEqual([`archtemp.${FIRST}.1`])
    await archiver.untilArchived(FIRST)
  })

  test('keeps everything while the repository is full, says why, and goes on when there is room', async () => {
    repository.failure = new TenfoldError('TF_DISK_FULL', 'expected room, but the disk is full')
    await writeFile(join(spool, FIRST), 'one')
    await archiver.start()
    await until(() => archiver.problem !== undefined)
    expect(archiver.problem).toBe('expected room, but the disk is full')
    expect(archiver.spool).toEqual({ waitingBytes: 3, freeBytes: expect.any(Number) })
    await writeFile(join(spool, SECOND), 'two')
    repository.failure = undefined
    await vi.waitFor(async () => {
      await clock.advance(10_000)
      expect(repository.objects.size).toBe(2)
    })
    await until(() => archiver.problem === undefined)
    expect(archiver.spool).toBeUndefined()
  })

  test('finds its own file again after a crash between the two steps', async () => {
    await writeFile(join(spool, FIRST), 'one')
    await drainSpool(spool, repository, keys)
    await writeFile(join(spool, FIRST), 'one')
    expect(await drainSpool(spool, repository, keys)).toBe(1)
    expect(await readdir(spool)).toEqual([])
  })

  test('never overwrites: another file of the same name stays where it is, and the rest goes on', async () => {
    await writeFile(join(spool, FIRST), 'one')
    await drainSpool(spool, repository, keys)
    const before = repository.objects.get(keys.walObject(FIRST))
    await writeFile(join(spool, FIRST), 'another one')
    await writeFile(join(spool, SECOND), 'two')
    await archiver.start()
    await until(() => archiver.problem !== undefined && repository.objects.size === 2)
    expect(archiver.problem).toContain(FIRST)
    expect(repository.objects.get(keys.walObject(FIRST))).toBe(before)
    expect(await readdir(spool)).toEqual([FIRST])
  })
})
