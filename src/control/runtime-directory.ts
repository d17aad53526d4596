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
 * A short directory for sockets that only its owner can change: the recorded one if it still is what it was, else a new
 * one with a name nobody can foresee, under XDG_RUNTIME_DIR or the directory for temporary files.
 *
 * @param options.owner who gets it; undefined: we
 * @param options.isPassable others may pass through it, to sockets that are for them
 * @throws TF_SOCKET_UNUSABLE when no place is safe, short and writable
 */
export async function privateRuntimeDirectory(options: {
  recorded: string | undefined
  owner: ChildUser | undefined
  isPassable: boolean
  env: Readonly<Record<string, string | undefined>>
}): Promise<string> {
  const { recorded, owner, env } = options
  const uid = owner?.uid ?? ourUid()
  const mode = options.isPassable ? 0o711 : 0o700
  if (recorded !== undefined && (await isOwnedBy(uid, recorded)) && (await isSafeBase(dirname(recorded)))) {
    // Recorded by a run that shared it with nobody, say.
    await chmod(recorded, mode)
    return recorded
  }
  const problems: string[] = []
  const isForOthers = options.isPassable || owner !== undefined
  for (const base of [...(isForOthers ? [] : privateBases(env)), '/tmp', tmpdir()]) {
    const directory = join(base, `tenfold-${uid}-`)
    if (Buffer.byteLength(directory) + 6 + 1 + SOCKET_NAME_BYTES > SOCKET_PATH_BYTES_MAX) {
      problems.push(`${base} is too long`)
    } else if (await isSafeBase(base)) {
      try {
        return await make(directory, mode, owner)
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

/** XDG_RUNTIME_DIR is ours alone, so another user could not enter a directory in it. */
function privateBases(env: Readonly<Record<string, string | undefined>>): string[] {
  const base = env['XDG_RUNTIME_DIR']
  return base?.startsWith('/') === true ? [base] : []
}

async function make(prefix: string, mode: number, owner: ChildUser | undefined): Promise<string> {
  const directory = await mkdtemp(prefix)
  await chmod(directory, mode)
  if (owner !== undefined) await chown(directory, owner.uid, owner.gid)
  return directory
}

async function isOwnedBy(uid: number, path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isDirectory() === true && found.uid === uid && (found.mode & 0o022) === 0
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
