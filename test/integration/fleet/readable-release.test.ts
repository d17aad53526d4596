import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findChildUser } from '../../../src/core/child-user.ts'
import { materialisePackage } from '../../../src/fleet/materialise-package.ts'
import type { ReleaseStoreOptions } from '../../../src/fleet/release-store.ts'
import { createReleaseStore } from '../../../src/fleet/release-store.ts'
import { temporaryDirectory, writeTree } from '../../fleet/temporary-directory.ts'

const user = findChildUser()
const PROGRAM = `
import { left } from 'left'
import { twice } from 'workspace'
const text: string = left + twice('w')
console.log(text)
`

/** Runs a program of a release as the account that instances run as. */
function run(node: string, file: string): string {
  const { stdout, stderr } = spawnSync(node, [file], {
    uid: user!.uid,
    gid: user!.gid,
    cwd: '/',
    env: {},
    encoding: 'utf8',
  })
  return stdout + stderr
}

/** A checkout with an installed package and a linked one from outside, in a directory that only we may enter. */
function lockedCheckout(mask: number): string {
  const before = process.umask(mask)
  try {
    const parent = temporaryDirectory()
    const root = join(parent, 'check out')
    writeTree(root, {
      'package.json': '{ "name": "app", "type": "module" }',
      'package-lock.json': '{}',
      'main.ts': PROGRAM,
      'node_modules/left/package.json': '{ "name": "left", "type": "module", "exports": "./index.js" }',
      'node_modules/left/index.js': `export const left = 'left '`,
    })
    writeTree(parent, {
      'workspace/package.json': '{ "name": "workspace", "type": "module", "exports": "./index.ts" }',
      'workspace/index.ts': `import { up } from 'upper'; export const twice = (text: string): string => up(text + text)`,
      'workspace/node_modules/upper/package.json': '{ "name": "upper", "type": "module", "exports": "./index.js" }',
      'workspace/node_modules/upper/index.js': 'export const up = (text) => text.toUpperCase()',
    })
    symlinkSync('../../workspace', join(root, 'node_modules/workspace'))
    symlinkSync('../../check out', join(parent, 'workspace/node_modules/app'))
    return root
  } finally {
    process.umask(before)
  }
}

function storeOptions(): ReleaseStoreOptions {
  const dataRoot = temporaryDirectory()
  chmodSync(dataRoot, 0o711)
  return { dataRoot, user }
}

describe.skipIf(user === undefined)('a release for another account (needs root)', () => {
  test.each(['022', '077'])(
    'runs with all that it imports, from a checkout under umask %s that it may not enter',
    async (mask) => {
      const root = lockedCheckout(Number.parseInt(mask, 8))
      const store = createReleaseStore(storeOptions())
      const release = await store.take(root)
      const node = await store.readableNode()
      expect(run(node, join(release.directory, 'main.ts'))).toBe('left WW\n')
      expect((await store.take(root)).id).toBe(release.id)
    },
  )

  test('uses the space of the checkout where modes allow hard links', async () => {
    const root = lockedCheckout(0o022)
    const { directory } = await createReleaseStore(storeOptions()).take(root)
    const linked = statSync(join(directory, 'node_modules/left/index.js'))
    expect(linked.ino).toBe(statSync(join(root, 'node_modules/left/index.js')).ino)
  })

  test('copies what is installed once for each state of the lock file', async () => {
    const root = lockedCheckout(0o077)
    const options = storeOptions()
    const store = createReleaseStore(options)
    const installations = (): readonly string[] => readdirSync(join(options.dataRoot, 'dependencies'))
    await store.take(root)
    writeTree(root, { 'main.ts': 'console.log("changed")' })
    await store.take(root)
    expect(installations()).toHaveLength(1)
    writeTree(root, { 'package-lock.json': '{ "lockfileVersion": 3 }' })
    await store.take(root)
    expect(installations()).toHaveLength(2)
  })

  test('can be read by that account alone, and written by nobody but us', async () => {
    const { directory } = await createReleaseStore(storeOptions()).take(lockedCheckout(0o022))
    expect(statSync(directory)).toMatchObject({ uid: process.getuid!(), gid: user!.gid })
    expect(statSync(directory).mode & 0o777).toBe(0o750)
  })

  test('a package that can be read stays where it is, one that can not is taken along', async () => {
    const options = storeOptions()
    const root = lockedCheckout(0o022)
    const materialised = await materialisePackage(root, options)
    expect(materialised.startsWith(options.dataRoot)).toBe(true)
    chmodSync(join(root, '..'), 0o755)
    expect(await materialisePackage(root, options)).toBe(root)
  })

  test('a Node in a directory that only we may enter is taken along', async () => {
    const options = storeOptions()
    const store = createReleaseStore(options)
    const locked = temporaryDirectory()
    mkdirSync(join(locked, 'bin'))
    symlinkSync(process.execPath, join(locked, 'bin/node'))
    const before = process.umask(0o077)
    const node = await store.readableNode(join(locked, 'bin/node')).finally(() => process.umask(before))
    expect(node.startsWith(options.dataRoot)).toBe(true)
    const { stdout } = spawnSync(node, ['--version'], { uid: user!.uid, gid: user!.gid, cwd: '/', encoding: 'utf8' })
    expect(stdout.trim()).toBe(process.version)
  })
})

describe('a release for ourselves', () => {
  test('links what is installed in place', async () => {
    const root = lockedCheckout(0o077)
    const dataRoot = temporaryDirectory()
    const { directory } = await createReleaseStore({ dataRoot, user: undefined }).take(root)
    const { stdout } = spawnSync(process.execPath, [join(directory, 'main.ts')], { encoding: 'utf8', env: {} })
    expect(stdout).toBe('left WW\n')
    expect(readdirSync(dataRoot)).toEqual(['releases'])
  })
})
