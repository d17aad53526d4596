import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createAuditLog } from '../../src/control/audit-log.ts'
import { writeFileDurably } from '../../src/core/durable-file.ts'

/** Bytes that the disk still takes; what is written beyond is refused, after its beginning was written. */
const disk = vi.hoisted(() => ({ roomBytes: Number.POSITIVE_INFINITY }))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const limited = (handle: FileHandle): FileHandle => {
    for (const name of ['writeFile', 'appendFile'] as const) {
      const write = handle[name].bind(handle)
      handle[name] = async (content) => {
        const bytes = Buffer.from(content as string)
        await write(bytes.subarray(0, Math.min(bytes.length, disk.roomBytes)))
        if (bytes.length > disk.roomBytes) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
      }
    }
    return handle
  }
  return { ...real, open: async (...args: Parameters<typeof real.open>) => limited(await real.open(...args)) }
})

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenfold full '))
})
afterEach(() => {
  disk.roomBytes = Number.POSITIVE_INFINITY
  rmSync(directory, { recursive: true, force: true })
})

test('a record stays as it was however little of the new one fits, and nothing is left beside it', async () => {
  const file = join(directory, 'state.json')
  await writeFileDurably(file, '{"layout":1}')
  for (let room = 0; room < 12; room++) {
    disk.roomBytes = room
    await expect(writeFileDurably(file, '{"layout":2}')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(readFileSync(file, 'utf8')).toBe('{"layout":1}')
  }
  disk.roomBytes = 12
  await writeFileDurably(file, '{"layout":2}')
  expect(readFileSync(file, 'utf8')).toBe('{"layout":2}')
  expect(readdirSync(directory)).toEqual(['state.json'])
})

test('a line that the audit log refuses is not in it, not even half, and the next one is when there is room', async () => {
  const file = join(directory, 'audit.log')
  const log = createAuditLog({ file })
  await log.append({ n: 1 })
  for (let room = 0; room < 8; room++) {
    disk.roomBytes = room
    await expect(log.append({ n: 2 })).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
      hint: expect.stringContaining('free space'),
    })
    expect(readFileSync(file, 'utf8')).toBe('{"n":1}\n')
  }
  disk.roomBytes = Number.POSITIVE_INFINITY
  await log.append({ n: 3 })
  expect(readFileSync(file, 'utf8')).toBe('{"n":1}\n{"n":3}\n')
})
