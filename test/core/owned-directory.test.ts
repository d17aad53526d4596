import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureOwnedDirectory } from '../../src/core/owned-directory.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenfold owned '))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe('an owned directory', () => {
  it('is made with those above it, passable for others although the umask forbids it', async () => {
    const before = process.umask(0o077)
    try {
      await ensureOwnedDirectory(join(directory, 'a', 'b', 'c'), { mode: 0o750 })
    } finally {
      process.umask(before)
    }
    expect(['a', 'a/b', 'a/b/c'].map((path) => modeOf(join(directory, path)))).toEqual([0o755, 0o755, 0o750])
  })

  it('is corrected when it is there, and keeps what it holds', async () => {
    const path = join(directory, 'data')
    await ensureOwnedDirectory(path, { mode: 0o755 })
    writeFileSync(join(path, 'file'), 'x')
    await ensureOwnedDirectory(path)
    expect(modeOf(path)).toBe(0o700)
    expect(statSync(join(path, 'file')).size).toBe(1)
    expect(modeOf(directory)).toBe(0o700)
  })

  it.skipIf(process.geteuid?.() !== 0)('is given away by root (skipped as an ordinary user)', async () => {
    const path = join(directory, 'given')
    await ensureOwnedDirectory(path, { owner: { uid: 65_534, gid: 65_534 } })
    expect([statSync(path).uid, statSync(path).gid]).toEqual([65_534, 65_534])
  })

  it('is refused, with the next step, when a file has the name', async () => {
    const path = join(directory, 'file')
    writeFileSync(path, '')
    for (const taken of [path, join(path, 'below')]) {
      await expect(ensureOwnedDirectory(taken)).rejects.toMatchObject({
        code: 'TF_DIRECTORY_UNUSABLE',
        hint: expect.stringContaining('remove what is in the way'),
      })
    }
    expect(modeOf(path) & 0o111).toBe(0)
  })
})
