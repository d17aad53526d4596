import { accessSync, constants, rmSync } from 'node:fs'
import { chmod, readFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../core/clock.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError } from '../core/errors.ts'
import type { ProcessIdentity } from '../core/process-identity.ts'
import { identifyProcess, isRunning } from '../core/process-identity.ts'
import { stateError } from './state-error.ts'
import type { StatePaths } from './state-paths.ts'

/** The one right to change a state directory. */
export interface StateLock {
  /** Gives it up; twice does nothing. The system does it for a process that dies, however it dies. */
  release(): void
}

/** Who holds a lock. */
export interface LockHolder extends ProcessIdentity {
  readonly startedEpochMs: number
}

/** Held here as well as by their owners: a database that is forgotten is closed by the garbage collector. */
const held = new Set<DatabaseSync>()

/**
 * Takes the lock of a state directory, at once or not at all.
 *
 * It is a lock of the kernel on a file (fcntl, through SQLite, which Node carries), so it is atomic between any number
 * of takers, ends with its holder whatever killed it, and can't be fooled by a reused pid or another pid namespace.
 * `holder.json` names the holder. The lock file must not be opened by anything else in this process: closing any
 * descriptor of it would drop the lock (POSIX).
 *
 * @throws TF_ALREADY_RUNNING naming the holder
 */
export async function takeStateLock(paths: StatePaths, clock: Clock): Promise<StateLock> {
  const database = openExclusively(paths)
  const before = await readHolder(paths.holderFile)
  if (database === undefined) throw alreadyRunning(paths, before)
  try {
    // Where the file system only pretends to lock, a holder that lives still counts.
    if (before !== undefined && before.pid !== process.pid) throw alreadyRunning(paths, before)
    // Whoever could open the file could hold a lock on it, and keep us out.
    await chmod(paths.lockFile, 0o600)
    const holder: LockHolder = { ...identityOfSelf(), startedEpochMs: clock.epochMs() }
    await writeFileDurably(paths.holderFile, `${JSON.stringify(holder)}\n`)
  } catch (error) {
    database.close()
    throw stateError(paths.directory, error)
  }
  held.add(database)
  return {
    release() {
      if (!database.isOpen) return
      rmSync(paths.holderFile, { force: true })
      database.close()
      held.delete(database)
    },
  }
}

/** Our own pid and start time. */
export function identityOfSelf(): ProcessIdentity {
  return identifyProcess(process.pid) ?? { pid: process.pid, startTime: 'unknown' }
}

const SQLITE_BUSY = 5

function openExclusively(paths: StatePaths): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(paths.lockFile)
    // Nothing is ever written, so there is nothing to roll back after a crash.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    if (database?.isOpen === true) database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined
    throw stateError(paths.directory, reasonOf(paths, error))
  }
}

/** SQLite says only that it can't open the file; the system says why. */
function reasonOf(paths: StatePaths, error: unknown): unknown {
  try {
    accessSync(paths.directory, constants.W_OK | constants.X_OK)
    return error
  } catch (reason) {
    return reason
  }
}

async function readHolder(file: string): Promise<LockHolder | undefined> {
  try {
    const holder = JSON.parse(await readFile(file, 'utf8')) as LockHolder
    // A holder that has just taken over has not written its name yet; the file still names the dead one.
    return isRunning(holder) ? holder : undefined
  } catch {
    return undefined
  }
}

function alreadyRunning(paths: StatePaths, holder: LockHolder | undefined): TenfoldError {
  const who = holder === undefined ? 'another tenfold process holds it' : `process ${holder.pid} holds it`
  return new TenfoldError('TF_ALREADY_RUNNING', `expected the state in ${paths.directory} to be free, but ${who}`, {
    hint: '"tenfold status" shows the running system, "tenfold down" stops it',
    details: { directory: paths.directory, ...(holder === undefined ? {} : { pid: holder.pid }) },
  })
}
