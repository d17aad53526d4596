import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRootOf, pathInRelease } from '../../src/fleet/release.ts'
import { createReleaseStore, RELEASES_KEPT } from '../../src/fleet/release-store.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory, writeTree } from './temporary-directory.ts'

const FILES = {
  'package.json': '{ "name": "app", "type": "module" }',
  'services/api.ts': 'export const api = 1',
  'node_modules/left/package.json': '{ "name": "left" }',
  'node_modules/@scope/right/package.json': '{ "name": "@scope/right" }',
}

function checkout(): string {
  const root = temporaryDirectory()
  writeTree(root, FILES)
  return root
}

function storeIn(dataRoot: string): ReturnType<typeof createReleaseStore> {
  return createReleaseStore({ dataRoot, user: undefined, clock: virtualClock() })
}

describe('a release', () => {
  test('holds the sources of the package above the blueprint, and links what is installed', async () => {
    const root = checkout()
    const release = await storeIn(temporaryDirectory()).take(join(root, 'services'))
    expect(release.packageRoot).toBe(root)
    expect(release.id).toMatch(/^[0-9a-f]{20}$/)
    expect(readFileSync(pathInRelease(release, join(root, 'services/api.ts')), 'utf8')).toBe(FILES['services/api.ts'])
    expect(realpathSync(join(release.directory, 'node_modules/left'))).toBe(join(root, 'node_modules/left'))
    expect(realpathSync(join(release.directory, 'node_modules/@scope/right'))).toBe(
      join(root, 'node_modules/@scope/right'),
    )
  })

  test('is the same for the same sources: elsewhere, later, with other modes', async () => {
    const store = storeIn(temporaryDirectory())
    const [one, two] = [checkout(), checkout()]
    utimesSync(join(two, 'services/api.ts'), 1, 1)
    chmodSync(join(two, 'services/api.ts'), 0o600)
    chmodSync(join(two, 'services'), 0o700)
    expect((await store.take(two)).id).toBe((await store.take(one)).id)
  })

  test('is another when a file, a name, a link or the right to execute changes', async () => {
    const store = storeIn(temporaryDirectory())
    const root = checkout()
    const ids = [(await store.take(root)).id]
    const changes = [
      () => writeFileSync(join(root, 'services/api.ts'), 'export const api = 2'),
      () => writeFileSync(join(root, 'services/new.ts'), ''),
      () => chmodSync(join(root, 'services/new.ts'), 0o744),
      () => symlinkSync('api.ts', join(root, 'services/link.ts')),
    ]
    for (const change of changes) {
      change()
      ids.push((await store.take(root)).id)
    }
    expect(new Set(ids).size).toBe(changes.length + 1)
  })

  test('is kept from others, readable for whom it is for, and can not be changed by accident of the umask', async () => {
    const root = checkout()
    chmodSync(join(root, 'services/api.ts'), 0o600)
    const before = process.umask(0o077)
    try {
      const { directory } = await storeIn(temporaryDirectory()).take(root)
      expect(statSync(directory).mode & 0o777).toBe(0o700)
      expect(statSync(join(directory, 'services')).mode & 0o777).toBe(0o755)
      expect(statSync(join(directory, 'services/api.ts')).mode & 0o777).toBe(0o644)
    } finally {
      process.umask(before)
    }
  })

  test('leaves secrets and state out', async () => {
    const root = checkout()
    writeTree(root, { '.env': 'KEY=1', '.git/config': '', '.tenfold/x/state.json': '{}', 'big.bin': 'x' })
    writeFileSync(join(root, '.tenfoldignore'), '*.bin\n')
    const { directory } = await storeIn(temporaryDirectory()).take(root)
    expect((await readdir(directory)).sort()).toEqual(['.tenfoldignore', 'node_modules', 'package.json', 'services'])
  })

  test('keeps links inside the package relative, and lets those that leave it lead where they did', async () => {
    const root = checkout()
    const outside = temporaryDirectory()
    symlinkSync(join(root, 'services/api.ts'), join(root, 'inside.ts'))
    symlinkSync(outside, join(root, 'outside'))
    const { directory } = await storeIn(temporaryDirectory()).take(root)
    expect(readlinkSync(join(directory, 'inside.ts'))).toBe('services/api.ts')
    expect(readlinkSync(join(directory, 'outside'))).toBe(outside)
  })

  test('runs the workspace packages of the release, not those of the checkout', async () => {
    const root = checkout()
    writeTree(root, { 'packages/domain/package.json': '{ "name": "domain" }' })
    symlinkSync('../packages/domain', join(root, 'node_modules/domain'))
    const { directory } = await storeIn(temporaryDirectory()).take(root)
    expect(realpathSync(join(directory, 'node_modules/domain'))).toBe(join(directory, 'packages/domain'))
  })

  test('finds what a workspace has hoisted above the package', async () => {
    const root = checkout()
    writeTree(root, {
      'apps/shop/package.json': '{ "name": "shop" }',
      'apps/shop/node_modules/left/package.json': '{ "name": "left", "version": "2.0.0" }',
    })
    const { directory, packageRoot } = await storeIn(temporaryDirectory()).take(join(root, 'apps/shop'))
    expect(packageRoot).toBe(join(root, 'apps/shop'))
    expect(realpathSync(join(directory, 'node_modules/left'))).toBe(join(root, 'apps/shop/node_modules/left'))
    expect(realpathSync(join(directory, 'node_modules/@scope/right'))).toBe(join(root, 'node_modules/@scope/right'))
  })

  test('is taken again when a crash of the machine has left it without contents', async () => {
    const root = checkout()
    const store = storeIn(temporaryDirectory())
    const { id, directory } = await store.take(root)
    truncateSync(join(directory, 'services/api.ts'))
    expect((await store.take(root)).id).toBe(id)
    expect(readFileSync(join(directory, 'services/api.ts'), 'utf8')).toBe(FILES['services/api.ts'])
  })

  test('is never a half one: what kill -9 leaves is not used, and removed with the next pruning', async () => {
    const dataRoot = temporaryDirectory()
    const store = storeIn(dataRoot)
    const half = join(dataRoot, 'releases/.tmp-1')
    mkdirSync(half, { recursive: true })
    const { directory } = await store.take(checkout())
    await store.prune(new Set())
    expect(existsSync(half)).toBe(false)
    expect(existsSync(directory)).toBe(true)
  })

  test('can be taken twice at once', async () => {
    const root = checkout()
    const store = storeIn(temporaryDirectory())
    const releases = await Promise.all([store.take(root), store.take(root), store.take(root)])
    expect(new Set(releases.map(({ id }) => id)).size).toBe(1)
  })

  test('is refused when it is too large, with what to do', async () => {
    const root = checkout()
    const few = createReleaseStore({
      dataRoot: temporaryDirectory(),
      user: undefined,
      limits: { filesMax: 1, bytesMax: 1e6 },
    })
    await expect(few.take(root)).rejects.toMatchObject({
      code: 'TF_RELEASE_TOO_LARGE',
      hint: expect.stringContaining('.tenfoldignore'),
    })
    const small = createReleaseStore({
      dataRoot: temporaryDirectory(),
      user: undefined,
      limits: { filesMax: 99, bytesMax: 9 },
    })
    await expect(small.take(root)).rejects.toMatchObject({ code: 'TF_RELEASE_TOO_LARGE' })
  })

  test('can not hold a file from outside the package', async () => {
    const release = await storeIn(temporaryDirectory()).take(checkout())
    expect(() => pathInRelease(release, '/etc/passwd')).toThrow(expect.objectContaining({ code: 'TF_RELEASE_OUTSIDE' }))
  })
})

describe('pruning', () => {
  test('keeps the newest, and those in use however old', async () => {
    const root = checkout()
    const clock = virtualClock()
    const store = createReleaseStore({ dataRoot: temporaryDirectory(), user: undefined, clock })
    const releases = []
    for (let i = 0; i < RELEASES_KEPT + 3; i++) {
      writeFileSync(join(root, 'services/api.ts'), `export const api = ${i}`)
      releases.push(await store.take(root))
      await clock.advance('1m')
    }
    // Going back to an old one makes it new.
    writeFileSync(join(root, 'services/api.ts'), 'export const api = 1')
    await store.take(root)
    await store.prune(new Set([releases[0]!.id]))
    const kept = releases.map(({ directory }) => existsSync(directory))
    expect(kept).toEqual([true, true, false, false, true, true, true, true])
  })

  test('does nothing where no release has been taken', async () => {
    await storeIn(temporaryDirectory()).prune(new Set())
  })
})

describe('the package root', () => {
  test('is the nearest directory upwards with a package.json, else the directory itself', async () => {
    const root = checkout()
    expect(await packageRootOf(join(root, 'services'))).toBe(root)
    const bare = temporaryDirectory()
    expect(await packageRootOf(bare)).toBe(bare)
    expect(lstatSync(bare).isDirectory()).toBe(true)
  })
})
