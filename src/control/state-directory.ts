import { existsSync } from 'node:fs'
import { chmod, mkdir, realpath, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { canAccess } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { removeUnfinished, syncDirectory, writeFileDurably } from '../core/durable-file.ts'
import type { DirectoryProbe } from './data-root.ts'
import { chooseDataRoot, makeDataDirectories } from './data-root.ts'
import { ownDirectory } from './own-directory.ts'
import { forgetRunning, recordRunning } from './running-system.ts'
import { privateRuntimeDirectory } from './runtime-directory.ts'
import { stateError } from './state-error.ts'
import type { StateLock } from './state-lock.ts'
import { takeStateLock } from './state-lock.ts'
import type { StateOwner, StatePaths } from './state-paths.ts'
import { stateDirectoryOf, statePathsOf } from './state-paths.ts'
import { readStateRecord, STATE_LAYOUT, writeStateRecord } from './state-record.ts'

/** @see openStateDirectory */
export interface StateDirectoryOptions {
  readonly blueprint: StateOwner
  /** The account that children run as when we are root; undefined: they run as we do. */
  readonly user?: ChildUser | undefined
  readonly clock: Clock
  /** Read for XDG_RUNTIME_DIR. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where data goes that can't be inside the state directory. @default '/var/lib/tenfold' */
  readonly outsideBase?: string
  /** Tells whether the children's user can use a directory. @default tried as that user */
  readonly canUse?: DirectoryProbe
}

/** A state directory that we own until `close`. */
export interface StateDirectory extends StatePaths {
  /** Directory for the data of each database; entries are made, and given to their user, by who needs them. */
  readonly dataDirectory: string
  /** Directory for releases, likewise. */
  readonly releasesDirectory: string
  /** Set when data and releases are not inside the state directory: where and why; print it. */
  readonly outside: { readonly path: string; readonly reason: string } | undefined
  /**
   * Short directory for sockets, and files for children, that we make. Only we can change it; children that run as
   * another user can pass through it to what is for them.
   */
  readonly runtimeDirectory: string
  /**
   * Short directory for sockets that children make: theirs, so root should make nothing in it. Equal to ours when
   * children run as we do.
   */
  readonly childRuntimeDirectory: string
  /** Where the control server listens. */
  readonly controlSocket: string
  /** Tells clients that we run: call it when the control socket answers. Durable when it resolves. */
  recordRun(run: { run: string; startedEpochMs: number }): Promise<void>
  /** Removes the record of the run, and gives up the lock. Twice does nothing. */
  close(): Promise<void>
}

/**
 * Opens the state of a system, `.tenfold/<system>[-<configuration>]/` beside its blueprint, for the one control plane
 * that may change it; makes it on first use. Everything in it is written so that a power cut leaves the old or the new.
 *
 * @throws TF_ALREADY_RUNNING naming the process that has it; a dead one's lock is simply taken
 * @throws TF_STATE_NEWER when a later version of Tenfold wrote it
 * @throws TF_STATE_UNUSABLE when it can't be read or written, or its data is gone; the hint says what to do
 * @example
 * const state = await openStateDirectory({ blueprint, user, clock })
 * if (state.outside !== undefined) print(`data is in ${state.outside.path}: ${state.outside.reason}`)
 */
export async function openStateDirectory(options: StateDirectoryOptions): Promise<StateDirectory> {
  const wanted = stateDirectoryOf(options.blueprint)
  const paths = await makeStateDirectory(options.blueprint, options.user)
  try {
    // A newer version may lock in another way: look before touching its lock.
    await readStateRecord(paths, options.blueprint)
    const lock = await takeStateLock(paths, options.clock)
    try {
      return await openLocked(paths, lock, options)
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw stateError(wanted, error)
  }
}

async function openLocked(paths: StatePaths, lock: StateLock, options: StateDirectoryOptions): Promise<StateDirectory> {
  const { blueprint, user, env = process.env } = options
  const record = await readStateRecord(paths, blueprint)
  await removeUnfinished([paths.recordFile, paths.runFile, paths.holderFile, paths.processesFile])
  // The record of a dead run: from here on clients must not find it.
  await forgetRunning(paths)
  const root = await chooseDataRoot({
    paths,
    owner: blueprint,
    record,
    user,
    canUse: options.canUse ?? ((user, directory) => canAccess(user, directory, 'write')),
    outsideBase: options.outsideBase ?? '/var/lib/tenfold',
  })
  const { data, releases } = await makeDataDirectories(root)
  // A copied state names the sockets of the original.
  const previous = record?.directory === paths.directory ? record : undefined
  const runtimeDirectory = await privateRuntimeDirectory({
    recorded: previous?.runtimeDirectory,
    owner: undefined,
    isPassable: user !== undefined,
    env,
  })
  const childRuntimeDirectory =
    user === undefined
      ? runtimeDirectory
      : await privateRuntimeDirectory({
          recorded: previous?.childRuntimeDirectory,
          owner: user,
          isPassable: false,
          env,
        })
  const outside = root.outsideReason === undefined ? undefined : { path: root.path, reason: root.outsideReason }
  await writeStateRecord(paths, {
    layout: STATE_LAYOUT,
    system: blueprint.name,
    configuration: blueprint.configuration,
    directory: paths.directory,
    ...(outside === undefined ? {} : { outside }),
    runtimeDirectory,
    childRuntimeDirectory,
  })
  const controlSocket = join(runtimeDirectory, 'control.sock')
  return {
    ...paths,
    dataDirectory: data,
    releasesDirectory: releases,
    outside,
    runtimeDirectory,
    childRuntimeDirectory,
    controlSocket,
    recordRun: (run) => recordRunning(paths, { ...run, controlSocket }),
    async close() {
      await forgetRunning(paths)
      for (const directory of new Set([runtimeDirectory, childRuntimeDirectory])) {
        // Sockets of children that outlive us are still in there; then the directory stays.
        await rmdir(directory).catch(() => undefined)
      }
      lock.release()
    },
  }
}

/**
 * Makes the state directory and its directory of logs if need be, without taking the state: for whoever has something
 * to write before a control plane runs. Children pass through it when they run as another user.
 *
 * @returns its paths, links resolved
 * @throws TF_STATE_UNUSABLE
 */
export async function makeStateDirectory(owner: StateOwner, user: ChildUser | undefined): Promise<StatePaths> {
  const wanted = stateDirectoryOf(owner)
  const parent = dirname(wanted)
  try {
    const isNew = (await mkdir(parent, { recursive: true })) !== undefined
    if (isNew) await chmod(parent, 0o755)
    await ownDirectory(wanted, user === undefined ? 0o700 : 0o711)
    const ignoreFile = join(parent, '.gitignore')
    if (!existsSync(ignoreFile)) await writeFileDurably(ignoreFile, '*\n', { mode: 0o644 })
    await syncDirectory(parent)
    if (isNew) await syncDirectory(dirname(parent))
    const paths = statePathsOf(await realpath(wanted))
    await ownDirectory(paths.logsDirectory, 0o700)
    return paths
  } catch (error) {
    throw stateError(wanted, error)
  }
}
