import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { folderRepository } from '../../src/backups/repositories/folder.ts'

let directory: string
let folder: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'a repository '))
  folder = join(directory, 'backups')
})

afterEach(() => rm(directory, { recursive: true, force: true }))

test('keeps what was written first, whoever comes later', async () => {
  const repository = folderRepository(folder)
  const written = await Promise.all(['a', 'b', 'c'].map((text) => repository.write('x/y/one', Buffer.from(text))))
  expect(written.filter((outcome) => outcome === 'written')).toHaveLength(1)
  const first = ['a', 'b', 'c'][written.indexOf('written')]
  expect((await repository.read('x/y/one'))?.toString()).toBe(first)
  expect(await repository.write('x/y/one', Buffer.from('d'))).toBe('exists')
  const file = join(directory, 'file')
  await writeFile(file, 'e')
  await expect(repository.writeFile('x/y/one', file)).rejects.toMatchObject({ code: 'TF_REPOSITORY_UNREACHABLE' })
  expect((await repository.read('x/y/one'))?.toString()).toBe(first)
  expect(await readdir(join(folder, 'x/y'))).toEqual(['one'])
})

test('lists by prefix, in order, and removes directories with the last object in them', async () => {
  const repository = folderRepository(folder)
  for (const key of ['a/2', 'a/1', 'b/c/3']) await repository.write(key, Buffer.from(key))
  expect(await repository.list('')).toEqual([
    { key: 'a/1', sizeBytes: 3 },
    { key: 'a/2', sizeBytes: 3 },
    { key: 'b/c/3', sizeBytes: 5 },
  ])
  expect(await repository.names('')).toEqual(['a', 'b'])
  expect(await repository.list('none/')).toEqual([])
  expect(await repository.read('a/9')).toBeUndefined()
  await repository.remove(['b/c/3', 'b/c/9'])
  expect(await repository.names('')).toEqual(['a'])
})

test('moves files there and back, with their checksums', async () => {
  const repository = folderRepository(folder)
  const [from, to] = [join(directory, 'from'), join(directory, 'to')]
  const content = Buffer.alloc(3_000_000, 'row')
  await writeFile(from, content)
  const bytes: number[] = []
  const there = await repository.writeFile('base/file', from, { onBytes: (count) => bytes.push(count) })
  await repository.settle()
  expect(bytes.reduce((sum, count) => sum + count, 0)).toBe(content.length)
  expect(await repository.readFile('base/file', to)).toEqual(there)
  expect((await readFile(to)).equals(content)).toBe(true)
  expect(await repository.writeFile('base/gone', join(directory, 'gone'))).toBeUndefined()
  expect(await repository.readFile('base/none', join(directory, 'none'))).toBeUndefined()
})

test('is for us alone, unless its group is to read it', async () => {
  await folderRepository(folder).write('x/one', Buffer.from('1'))
  expect((await stat(join(folder, 'x/one'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(folder, 'x'))).mode & 0o777).toBe(0o700)
  const shared = join(directory, 'shared')
  await mkdir(shared)
  await chmod(shared, 0o2750)
  await folderRepository(shared).write('x/one', Buffer.from('1'))
  expect((await stat(join(shared, 'x/one'))).mode & 0o777).toBe(0o640)
  expect((await stat(join(shared, 'x'))).mode & 0o777).toBe(0o750)
})

test('a disk that is not mounted is an error, not a new folder', async () => {
  const repository = folderRepository(join(directory, 'not mounted/backups'))
  await expect(repository.write('x', Buffer.from('1'))).rejects.toMatchObject({ code: 'TF_REPOSITORY_UNREACHABLE' })
  expect(await readdir(directory)).toEqual([])
})
