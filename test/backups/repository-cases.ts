import { createHash } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { BackupRepository } from '../../src/backups/repository.ts'

/** One thing that every repository does. */
export interface RepositoryCase {
  readonly name: string
  /** @param directory empty, for files on this side */
  run(repository: BackupRepository, directory: string): Promise<void>
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
/** Larger than what is sent to a bucket at once. */
const LARGE_BYTES = 9 * 1024 ** 2 + 17

/** What a repository is held to, whatever it keeps objects in. Each case needs an empty one. */
export const repositoryCases: readonly RepositoryCase[] = [
  {
    name: 'keeps what was written first, whoever comes later',
    async run(repository, directory) {
      const written = await Promise.all(['a', 'b', 'c'].map((text) => repository.write('x/y/one', Buffer.from(text))))
      expect(written.filter((outcome) => outcome === 'written')).toHaveLength(1)
      const first = ['a', 'b', 'c'][written.indexOf('written')]
      expect((await repository.read('x/y/one'))?.toString()).toBe(first)
      expect(await repository.write('x/y/one', Buffer.from('d'))).toBe('exists')
      for (const content of [Buffer.from('e'), Buffer.alloc(LARGE_BYTES)]) {
        await writeFile(join(directory, 'file'), content)
        await expect(repository.writeFile('x/y/one', join(directory, 'file'))).rejects.toMatchObject({
          code: 'TF_REPOSITORY_UNREACHABLE',
        })
      }
      expect((await repository.read('x/y/one'))?.toString()).toBe(first)
      expect(await repository.list('x/')).toEqual([{ key: 'x/y/one', sizeBytes: 1 }])
    },
  },
  {
    name: 'lists by prefix, in order, however many there are, and names what comes next',
    async run(repository) {
      const keys = ['a/10', 'a/2', 'a/b/1', 'a/b/2', 'a/c d+e/é&<.zst', 'a/z/1', 'b/1', 'b2/1']
      for (const key of keys.toReversed()) await repository.write(key, Buffer.from(key))
      const sizeOf = (key: string): number => Buffer.byteLength(key)
      expect(await repository.list('a/')).toEqual(keys.slice(0, 6).map((key) => ({ key, sizeBytes: sizeOf(key) })))
      expect(await repository.names('a/')).toEqual(['10', '2', 'b', 'c d+e', 'z'])
      expect((await repository.names('')).filter((name) => !name.endsWith('.json'))).toEqual(['a', 'b', 'b2'])
      expect((await repository.read('a/c d+e/é&<.zst'))?.toString()).toBe('a/c d+e/é&<.zst')
      expect(await repository.list('none/')).toEqual([])
      expect(await repository.names('none/')).toEqual([])
    },
  },
  {
    name: 'removes objects, also those that are gone, and takes their keys anew',
    async run(repository) {
      for (const key of ['a/1', 'a/2', 'b/1']) await repository.write(key, Buffer.from(key))
      await repository.remove(['b/1', 'b/9', 'a/1'])
      expect(await repository.list('')).toContainEqual({ key: 'a/2', sizeBytes: 3 })
      expect(await repository.names('a/')).toEqual(['2'])
      expect(await repository.names('b/')).toEqual([])
      expect(await repository.read('b/1')).toBeUndefined()
      expect(await repository.write('b/1', Buffer.from('new'))).toBe('written')
      await repository.remove([])
    },
  },
  {
    name: 'moves files there and back, with their checksums, whatever their size',
    async run(repository, directory) {
      for (const [at, size] of [0, 1, 3_000_000, 8 * 1024 ** 2, LARGE_BYTES].entries()) {
        const content = Buffer.alloc(size, `row ${at}`)
        const from = join(directory, `from ${at}`)
        const to = join(directory, `to ${at}`)
        await writeFile(from, content)
        let [sent, received] = [0, 0]
        const there = await repository.writeFile(`base/${at}`, from, { onBytes: (count) => (sent += count) })
        expect(there).toEqual({ sizeBytes: size, sha256: sha256(content) })
        await repository.settle()
        expect(await repository.readFile(`base/${at}`, to, { onBytes: (count) => (received += count) })).toEqual(there)
        expect((await readFile(to)).equals(content)).toBe(true)
        expect([sent, received]).toEqual([size, size])
      }
    },
  },
  {
    name: 'moves what there is of a file that is not as long as was thought',
    async run(repository, directory) {
      const file = join(directory, 'grows')
      await writeFile(file, Buffer.alloc(50_000, 'x'))
      for (const [at, sizeBytes] of [10, 8_192, 49_999, 50_000, 60_000, LARGE_BYTES].entries()) {
        expect(await repository.writeFile(`base/${at}`, file, { sizeBytes })).toMatchObject({ sizeBytes: 50_000 })
      }
    },
  },
  {
    name: 'hands out what there is, also where it is not as long as was thought, for its reader alone',
    async run(repository, directory) {
      for (const [at, size] of [0, 1_000, 131_072, 131_073].entries()) {
        const content = Buffer.alloc(size, `row ${at}`)
        await repository.write(`base/${at}`, content)
        for (const sizeBytes of new Set([0, size >> 1, size, size + 1, 131_072])) {
          const file = join(directory, `${at} of ${sizeBytes}`)
          let received = 0
          const onBytes = (count: number): void => void (received += count)
          const moved = await repository.readFile(`base/${at}`, file, { sizeBytes, isSynced: false, onBytes })
          expect(moved).toEqual({ sizeBytes: size, sha256: sha256(content) })
          expect(received).toBe(size)
          expect((await readFile(file)).equals(content)).toBe(true)
          expect((await stat(file)).mode & 0o777).toBe(0o600)
        }
      }
    },
  },
  {
    name: 'says that a file or an object is gone, and leaves nothing behind',
    async run(repository, directory) {
      expect(await repository.writeFile('base/gone', join(directory, 'gone'))).toBeUndefined()
      expect(await repository.readFile('base/none', join(directory, 'none'))).toBeUndefined()
      expect(await repository.read('base/none')).toBeUndefined()
      expect(await readdir(directory)).toEqual([])
      expect(await repository.list('base/')).toEqual([])
    },
  },
  {
    name: 'writes no file over another one on this side, and none when it is cancelled',
    async run(repository, directory) {
      await repository.write('base/one', Buffer.from('1'))
      await writeFile(join(directory, 'there'), 'mine')
      await expect(repository.readFile('base/one', join(directory, 'there'))).rejects.toThrow(/EEXIST/)
      expect((await readFile(join(directory, 'there'))).toString()).toBe('mine')
      const signal = AbortSignal.abort()
      await expect(repository.readFile('base/one', join(directory, 'other'), { signal })).rejects.toThrow()
      await expect(repository.writeFile('base/two', join(directory, 'there'), { signal })).rejects.toThrow()
      expect(await readdir(directory)).toEqual(['there'])
      expect(await repository.read('base/two')).toBeUndefined()
    },
  },
]
