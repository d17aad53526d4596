import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findPostgresBinaries, hydrateLibraryLinks, parseVersion } from '../../src/clusters/postgres-binaries.ts'
import { copyReadable, replaceReadable } from '../../src/clusters/readable-binaries.ts'

let directory: string
let source: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenfold-binaries-'))
  source = join(directory, 'source')
  await mkdir(join(source, 'lib'), { recursive: true })
  await writeFile(join(source, 'lib', 'libx.so.1.2'), 'library')
})

afterEach(() => rm(directory, { recursive: true, force: true }))

describe('postgres binaries', () => {
  test('reads the version of releases and previews', () => {
    expect(parseVersion('postgres (PostgreSQL) 18.4\n')).toEqual({ version: '18.4', major: 18 })
    expect(parseVersion('postgres (PostgreSQL) 19beta1')).toEqual({ version: '19beta1', major: 19 })
    expect(parseVersion('postgres (PostgreSQL) 16.13 (Debian 16.13-1)')).toEqual({ version: '16.13', major: 16 })
    expect(parseVersion('nonsense')).toBeUndefined()
  })

  test('makes the links between library names, by several at once, and again without a change', async () => {
    const links = [{ source: 'native/lib/libx.so.1.2', target: 'native/lib/libx.so.1' }]
    await writeFile(join(source, 'pg-symlinks.json'), JSON.stringify(links))
    const results = await Promise.all(Array.from({ length: 8 }, () => hydrateLibraryLinks(source)))
    expect(results).toEqual(Array.from({ length: 8 }, () => true))
    expect(await readlink(join(source, 'lib', 'libx.so.1'))).toBe('libx.so.1.2')
    expect(await readFile(join(source, 'lib', 'libx.so.1'), 'utf8')).toBe('library')
  })

  test('says what to do when nothing is installed', async () => {
    const missing = findPostgresBinaries({ packageDirectory: join(directory, 'nowhere') })
    await expect(missing).rejects.toMatchObject({
      code: 'TF_POSTGRES_MISSING',
      hint: expect.stringContaining('npm install'),
    })
  })

  test('says so when the programs do not run', async () => {
    await writeFile(join(source, 'pg-symlinks.json'), '[]')
    const broken = findPostgresBinaries({ packageDirectory: source, cacheDirectory: join(directory, 'cache') })
    await expect(broken).rejects.toMatchObject({ code: 'TF_POSTGRES_MISSING' })
  })
})

describe('a readable copy', () => {
  test('links what everybody can read, and widens the rest', async () => {
    await mkdir(join(source, 'bin'))
    for (const [name, mode] of [
      ['open', 0o755],
      ['closed', 0o700],
    ] as const) {
      await writeFile(join(source, 'bin', name), name)
      await chmod(join(source, 'bin', name), mode)
    }
    await writeFile(join(source, 'secret.txt'), 'text')
    await chmod(join(source, 'secret.txt'), 0o600)
    await chmod(join(source, 'bin'), 0o700)
    await symlink('libx.so.1.2', join(source, 'lib', 'libx.so'))
    const target = join(directory, 'deep', 'target')
    const umask = process.umask(0o077)
    await copyReadable(source, target).finally(() => process.umask(umask))
    expect((await stat(join(directory, 'deep'))).mode & 0o777).toBe(0o755)
    const modeOf = async (path: string): Promise<number> => (await stat(join(target, path))).mode & 0o777
    expect(await Promise.all(['.', 'bin', 'bin/open', 'bin/closed', 'secret.txt'].map(modeOf))).toEqual([
      0o755, 0o755, 0o755, 0o755, 0o644,
    ])
    expect((await stat(join(target, 'bin/open'))).ino).toBe((await stat(join(source, 'bin/open'))).ino)
    expect((await stat(join(source, 'bin/closed'))).mode & 0o777).toBe(0o700)
    expect(await readlink(join(target, 'lib', 'libx.so'))).toBe('libx.so.1.2')
  })

  test('appears whole, once, when several make it at the same time', async () => {
    const target = join(directory, 'target')
    await Promise.all(Array.from({ length: 6 }, () => copyReadable(source, target)))
    expect(await readFile(join(target, 'lib', 'libx.so.1.2'), 'utf8')).toBe('library')

    expect((await readdir(directory)).toSorted()).toEqual(['source', 'target'])
  })

  test('replaces one that is broken', async () => {
    const target = join(directory, 'target')
    await mkdir(target)
    await link(join(source, 'lib', 'libx.so.1.2'), join(target, 'odd'))
    await replaceReadable(source, target)
    await expect(lstat(join(target, 'odd'))).rejects.toThrow('ENOENT')
    expect(await readFile(join(target, 'lib', 'libx.so.1.2'), 'utf8')).toBe('library')
  })
})
