import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readProject } from '../../src/init/project-files.ts'
import { temporaryDirectory, writeTree } from '../fleet/temporary-directory.ts'

function directoryWith(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory()
  writeTree(directory, files)
  return directory
}

test('sees files and directories, and reads what may say something', async () => {
  const directory = directoryWith({
    'package.json': '{}',
    'src/server.ts': 'code',
    'bin/www': 'start',
    'logo.png': 'no text',
    '.env': 'A=1',
    '.next/server.js': 'built',
    'node_modules/.bin/next': 'program',
    'node_modules/next/index.js': 'not theirs',
  })
  const files = await readProject(directory)
  expect([...files.paths].toSorted()).toEqual(
    [
      '.env',
      '.next/',
      'bin/',
      'bin/www',
      'logo.png',
      'node_modules/',
      'package.json',
      'src/',
      'src/server.ts',
    ].toSorted(),
  )
  expect([...files.texts.keys()].toSorted()).toEqual(['.env', 'bin/www', 'package.json', 'src/server.ts'])
  expect([...files.programs]).toEqual(['next'])
})

test('takes what is near the top where there is too much, and passes over what it may not read', async () => {
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`a/b/${index}.txt`, '']))
  const directory = directoryWith({ ...many, 'server.js': 'x', 'z/closed/app.js': '', 'large.js': ' '.repeat(300_000) })
  chmodSync(join(directory, 'z/closed'), 0)
  const { paths, texts } = await readProject(directory, 30)
  chmodSync(join(directory, 'z/closed'), 0o700)
  expect(paths.size).toBe(30)
  expect(texts.get('server.js')).toBe('x')
  expect(texts.has('large.js')).toBe(false)
})

test('a directory without anything is a project without anything', async () => {
  expect((await readProject(directoryWith({}))).paths.size).toBe(0)
})
