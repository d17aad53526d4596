import { execFile } from 'node:child_process'
import { chmod, chown, mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ChildUser } from '../core/child-user.ts'
import { canAccess } from '../core/child-user.ts'
import { syncDirectory, writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Subprocesses } from '../core/subprocess.ts'
import type { ClusterPaths, ClusterRecord } from './cluster-record.ts'
import { readControlFile } from './control-file.ts'
import { makeDirectories } from './make-directories.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { runInitdb } from './run-initdb.ts'
import { explainFailure } from './start-failure.ts'

/** A stopped cluster to copy instead of running initdb: for tests, since all copies have one system identifier. */
export interface ClusterTemplate {
  /** Data directory of the template. */
  readonly directory: string
  /** Password of its superuser. */
  readonly superuserPassword: string
}

/** What it takes to make a data directory. */
export interface InitialiseOptions {
  readonly name: string
  readonly paths: ClusterPaths
  readonly record: ClusterRecord
  readonly binaries: PostgresBinaries
  readonly subprocesses: Subprocesses
  readonly user: ChildUser | undefined
  readonly logFile: string
  readonly template: ClusterTemplate | undefined
  readonly signal: AbortSignal
}

const SUPERUSER = 'postgres'
const run = promisify(execFile)

/**
 * Whether there is data, and whether it is ours to start.
 *
 * @throws TF_POSTGRES_VERSION data of another major version
 * @throws TF_CLUSTER_DATA_INVALID something else lies there, or the data that was there is gone
 */
export async function inspectData(
  paths: ClusterPaths,
  record: ClusterRecord | undefined,
  binaries: PostgresBinaries,
): Promise<'absent' | 'present'> {
  if (await isAbsent(paths.data)) {
    if (record?.systemIdentifier === undefined) return 'absent'
    throw invalid(
      `expected the data of this cluster in ${paths.data}, but it is gone`,
      `put it back from a backup, or remove ${paths.directory} to start empty`,
    )
  }
  const major = (await readFile(join(paths.data, 'PG_VERSION'), 'utf8').catch(() => '')).trim()
  if (major === '') {
    throw invalid(
      `expected ${paths.data} to be the data of a PostgreSQL cluster, but it has no PG_VERSION`,
      `move ${paths.data} away`,
    )
  }
  if (major !== String(binaries.major)) {
    throw new TenfoldError(
      'TF_POSTGRES_VERSION',
      `expected data of PostgreSQL ${binaries.major} in ${paths.data}, got data of PostgreSQL ${major}`,
      {
        hint: `use the version of Tenfold that wrote it, dump there and load here, or move ${paths.directory} away to start empty`,
        details: { dataDirectory: paths.data, found: major, expected: String(binaries.major) },
      },
    )
  }
  const control = await readControlFile(paths.data)
  if (control === undefined) {
    throw invalid(`expected ${paths.data}/global/pg_control to be readable`, 'restore the data from a backup')
  }
  if (record === undefined) {
    throw invalid(
      `expected the passwords of this cluster in ${paths.record}, but the file is gone`,
      'put it back from a backup',
    )
  }
  if (record.systemIdentifier !== undefined && record.systemIdentifier !== control.systemIdentifier) {
    throw invalid(
      `expected the data of cluster ${record.systemIdentifier} in ${paths.data}, got that of ${control.systemIdentifier}`,
      'put back the directory that belongs here: data and cluster.json are one',
    )
  }
  return 'present'
}

/**
 * Makes the data directory: beside its place, durably, and moved there when it is whole. What an interrupted run left
 * is removed first, so a data directory is never half initialised.
 */
export async function initialiseData(options: InitialiseOptions): Promise<void> {
  const { paths, user } = options
  await removeUnfinished(paths)
  const unfinished = await mkdtemp(join(paths.directory, 'data.new.'))
  try {
    await chmod(unfinished, 0o700)
    if (user !== undefined) await chown(unfinished, user.uid, user.gid)
    if (options.template === undefined) await makeWithInitdb(options, unfinished)
    else await run('cp', ['-a', `${options.template.directory}/.`, unfinished])
    options.signal.throwIfAborted()
    await rename(unfinished, paths.data)
    await syncDirectory(paths.directory)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** Arguments for initdb: UTF-8, an order of text that never changes with the operating system, checksums, passwords. */
export function initdbArguments(directory: string, passwordFile: string): readonly string[] {
  const places = ['-D', directory, '-U', SUPERUSER, '--pwfile', passwordFile, '-A', 'scram-sha-256']
  const text = ['-E', 'UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  return [...places, ...text, '--data-checksums', '--no-instructions']
}

async function makeWithInitdb(options: InitialiseOptions, directory: string): Promise<void> {
  const { paths, user, logFile } = options
  const passwordFile = `${directory}.password`
  await writeFileDurably(passwordFile, options.record.superuserPassword, { mode: 0o600, owner: user })
  try {
    const { exit, lines } = await runInitdb({ ...options, args: initdbArguments(directory, passwordFile) })
    if (exit.code === 0) return
    if (lines.some((line) => line.includes('could not access directory'))) throw unreachable(paths.directory, user)
    throw explainFailure(`initdb of ${options.name}`, exit, lines, logFile)
  } finally {
    await rm(passwordFile, { force: true })
  }
}

/** Makes a directory that the user can pass through and only we can change. */
export async function makeClusterDirectory(paths: ClusterPaths, user: ChildUser | undefined): Promise<void> {
  await makeDirectories(paths.directory, 0o711)
  await chmod(paths.directory, user === undefined ? 0o700 : 0o711)
  if (!(await canAccess(user, paths.directory, 'execute'))) throw unreachable(paths.directory, user)
}

async function removeUnfinished(paths: ClusterPaths): Promise<void> {
  for (const entry of await readdir(paths.directory)) {
    if (entry.startsWith('data.new.')) await rm(join(paths.directory, entry), { recursive: true, force: true })
  }
}

async function isAbsent(directory: string): Promise<boolean> {
  try {
    await stat(directory)
    return false
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true
    throw error
  }
}

function unreachable(directory: string, user: ChildUser | undefined): TenfoldError {
  return new TenfoldError(
    'TF_DIRECTORY_UNUSABLE',
    `expected user ${user?.name ?? 'tenfold runs as'} to be able to enter ${directory}`,
    {
      hint: 'keep the data where that user can go, such as /var/lib/tenfold',
      details: { directory, user: user?.name },
    },
  )
}

function invalid(message: string, hint: string): TenfoldError {
  return new TenfoldError('TF_CLUSTER_DATA_INVALID', message, { hint })
}
