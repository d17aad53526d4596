import { createHash } from 'node:crypto'
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError } from '../core/errors.ts'
import { ownDirectory } from './own-directory.ts'
import type { StateOwner, StatePaths } from './state-paths.ts'
import { statePathsOf } from './state-paths.ts'
import type { StateRecord } from './state-record.ts'

/** Where the databases and releases of a system live. */
export interface DataRoot {
  readonly path: string
  /** Set when it is not the state directory: why, for people. */
  readonly outsideReason: string | undefined
}

/** Whether a user can enter a directory and write in it. */
export type DirectoryProbe = (user: ChildUser, directory: string) => Promise<boolean>

/** @see chooseDataRoot */
export interface DataRootOptions {
  readonly paths: StatePaths
  readonly owner: StateOwner
  readonly record: StateRecord | undefined
  /** Who will use the data; undefined: we. */
  readonly user: ChildUser | undefined
  readonly canUse: DirectoryProbe
  /** Where roots go that can't be inside. */
  readonly outsideBase: string
}

/**
 * Decides where data lives and makes the directory: inside the state where the children's user can use it, else in a
 * directory of its own under `outsideBase`. What was decided once stays, so data is found again; a moved project takes
 * its data along, a copied one starts empty rather than share it.
 *
 * @throws TF_STATE_UNUSABLE when the recorded data is gone or out of the user's reach
 */
export async function chooseDataRoot(options: DataRootOptions): Promise<DataRoot> {
  const { paths, record } = options
  const recorded = record?.outside
  if (recorded !== undefined && !(await isCopy(paths, record, recorded.path))) {
    return keepOutside(paths, recorded)
  }
  if (options.user === undefined || (await isUsable(paths.directory, options.user, options.canUse))) {
    return { path: paths.directory, outsideReason: undefined }
  }
  if (await hasData(paths.directory)) throw outOfReach(paths, options.user)
  return makeOutside(options, options.user)
}

/** Makes `data/` and `releases/`: for passing through; what is in them belongs to whom its maker says. */
export async function makeDataDirectories(root: DataRoot): Promise<{ data: string; releases: string }> {
  const directories = { data: join(root.path, 'data'), releases: join(root.path, 'releases') }
  await ownDirectory(directories.data, 0o711)
  await ownDirectory(directories.releases, 0o711)
  return directories
}

/** The project was copied when the state that made the root is still where it was, and still claims it. */
async function isCopy(paths: StatePaths, record: StateRecord | undefined, root: string): Promise<boolean> {
  if (record === undefined || record.directory === paths.directory) return false
  const original = await readJson(statePathsOf(record.directory).recordFile)
  const outside = original?.['outside'] as { path?: unknown } | undefined
  return outside?.path === root
}

async function keepOutside(paths: StatePaths, recorded: { path: string; reason: string }): Promise<DataRoot> {
  if ((await readJson(join(recorded.path, 'origin.json'))) === undefined) {
    throw new TenfoldError(
      'TF_STATE_UNUSABLE',
      `expected the data of ${paths.directory} in ${recorded.path}, got nothing`,
      {
        hint: `bring ${recorded.path} back from a backup, or move ${paths.directory} away to start empty`,
        details: { directory: paths.directory, dataRoot: recorded.path },
      },
    )
  }
  await writeOrigin(recorded.path, paths)
  return { path: recorded.path, outsideReason: recorded.reason }
}

async function isUsable(directory: string, user: ChildUser, canUse: DirectoryProbe): Promise<boolean> {
  const probe = await mkdtemp(join(directory, '.probe-'))
  try {
    await chown(probe, user.uid, user.gid)
    return await canUse(user, probe)
  } finally {
    await rm(probe, { recursive: true, force: true })
  }
}

async function makeOutside(options: DataRootOptions, user: ChildUser): Promise<DataRoot> {
  const { paths, owner, outsideBase } = options
  const identity = `${owner.directory}\0${owner.name}\0${owner.configuration}`
  const path = join(outsideBase, createHash('sha256').update(identity).digest('hex').slice(0, 16))
  await ownDirectory(outsideBase, 0o711)
  await ownDirectory(path, 0o711)
  const reason =
    `user ${user.name}, whom databases and instances run as, can't use ${paths.directory}` +
    ((await hasData(path)) ? '; data was there already' : '')
  await writeOrigin(path, paths)
  return { path, outsideReason: reason }
}

async function writeOrigin(root: string, paths: StatePaths): Promise<void> {
  await writeFileDurably(join(root, 'origin.json'), `${JSON.stringify({ stateDirectory: paths.directory })}\n`)
}

async function hasData(root: string): Promise<boolean> {
  const names = await readdir(join(root, 'data')).catch(() => [])
  return names.length > 0
}

async function readJson(file: string): Promise<Record<string, unknown> | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function outOfReach(paths: StatePaths, user: ChildUser): TenfoldError {
  return new TenfoldError(
    'TF_STATE_UNUSABLE',
    `expected user ${user.name} to reach the data in ${paths.directory}, got no access`,
    {
      hint: `let others pass through its parent directories ("chmod o+x"), or move ${paths.directory} away to start empty`,
      details: { directory: paths.directory, user: user.name },
    },
  )
}
