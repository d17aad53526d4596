import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
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

test('removes directories with the last object in them, and leaves nothing beside objects', async () => {
  const repository = folderRepository(folder)
  await Promise.all(['1', '2', '3'].map((text) => repository.write('a/1', Buffer.from(text))))
  await repository.write('b/c/3', Buffer.from('3'))
  await repository.remove(['b/c/3'])
  expect(await readdir(folder)).toEqual(['a'])
  expect(await readdir(join(folder, 'a'))).toEqual(['1'])
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
