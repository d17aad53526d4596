import { chmod, chown, lstat, mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ChildUser } from '../core/child-user.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { ourUid } from './own-directory.ts'
import { SOCKET_PATH_BYTES_MAX } from './socket-path.ts'

/** Bytes kept for the name of a socket inside a runtime directory. */
const SOCKET_NAME_BYTES = 32

/**
 * A short directory for sockets that only one user can enter: the recorded one if it still is what it was, else a new
 * one with a name nobody can foresee, under XDG_RUNTIME_DIR or the directory for temporary files.
 *
 * @param user who shall own it; undefined: we
 * @throws TF_SOCKET_UNUSABLE when no place is safe, short and writable
 */
export async function privateRuntimeDirectory(options: {
  recorded: string | undefined
  user: ChildUser | undefined
  env: Readonly<Record<string, string | undefined>>
}): Promise<string> {
  const { recorded, user, env } = options
  const uid = user?.uid ?? ourUid()
  if (recorded !== undefined && (await isPrivateTo(uid, recorded)) && (await isSafeBase(dirname(recorded)))) {
    return recorded
  }
  const problems: string[] = []
  for (const base of basesFor(user, env)) {
    const directory = join(base, `tenfold-${uid}-`)
    if (Buffer.byteLength(directory) + 6 + 1 + SOCKET_NAME_BYTES > SOCKET_PATH_BYTES_MAX) {
      problems.push(`${base} is too long`)
    } else if (await isSafeBase(base)) {
      try {
        return await make(directory, user)
      } catch (error) {
        problems.push(messageOf(error))
      }
    } else {
      problems.push(`${base} is missing, or others could replace what is in it`)
    }
  }
  throw new TenfoldError(
    'TF_SOCKET_UNUSABLE',
    `expected a short private directory for sockets, got ${problems.join('; ')}`,
    {
      hint: 'set XDG_RUNTIME_DIR to a short directory that only you can enter (mode 0700)',
      details: { problems },
    },
  )
}

function basesFor(user: ChildUser | undefined, env: Readonly<Record<string, string | undefined>>): string[] {
  // XDG_RUNTIME_DIR is ours alone, so another user could not enter a directory in it.
  const own = user === undefined ? env['XDG_RUNTIME_DIR'] : undefined
  return [...(own === undefined || !own.startsWith('/') ? [] : [own]), '/tmp', tmpdir()]
}

async function make(prefix: string, user: ChildUser | undefined): Promise<string> {
  const directory = await mkdtemp(prefix)
  await chmod(directory, 0o700)
  if (user !== undefined) await chown(directory, user.uid, user.gid)
  return directory
}

async function isPrivateTo(uid: number, path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isDirectory() === true && found.uid === uid && (found.mode & 0o077) === 0
}

/** In a directory that others can write without the sticky bit, what we make could be moved away under us. */
async function isSafeBase(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() !== true) return false
  const isShared = (found.mode & 0o022) !== 0
  const isSticky = (found.mode & 0o1000) !== 0
  const isOurs = found.uid === ourUid() || found.uid === 0
  return isOurs && (!isShared || isSticky)
}
