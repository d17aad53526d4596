import { chmod, chown, constants, link, lstat, mkdtemp, open, rename, rm, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { hasErrno } from './system-errors.ts'
import { TenfoldError } from '../core/errors.ts'

/** Longest path of a Unix socket: `sun_path` has 108 bytes on Linux, one of them the closing zero. */
export const SOCKET_PATH_BYTES_MAX = 107

/** Of Linux: names a file without opening it. Node has no constant for it. */
const O_PATH = 0o10000000

/** A socket path that is being taken: listen on `privatePath`, then `publish`. */
export interface SocketPathClaim {
  /** Inside a directory that only we can enter, so the socket never exists with a wider mode than asked for. */
  readonly privatePath: string
  /**
   * Sets mode and owner and makes the listening socket appear at its path, in one step.
   *
   * @throws TF_ALREADY_RUNNING when a live server is there
   */
  publish(): Promise<void>
  /** Removes the socket if it is still ours, and everything temporary. */
  release(): Promise<void>
}

/**
 * Prepares to take `path` for a new listening socket. A socket file that nobody listens on is replaced; a live one, and
 * any other kind of file, is left alone.
 *
 * @throws TF_SOCKET_UNUSABLE when the path is too long or its directory can't be written
 */
export async function claimSocketPath(
  path: string,
  options: { mode: number; owner?: { uid: number; gid: number } | undefined },
): Promise<SocketPathClaim> {
  assertSocketPath(path)
  const directory = await privateDirectory(path)
  const privatePath = join(directory, 's')
  let published: { dev: number; ino: number } | undefined
  return {
    privatePath,
    async publish() {
      const identity = await setPermissions(privatePath, options)
      await linkInto(privatePath, path, directory)
      published = identity
      await rm(directory, { recursive: true, force: true })
    },
    async release() {
      // A successor may have replaced our file; its socket is not ours to remove.
      const current = published === undefined ? undefined : await lstat(path).catch(() => undefined)
      if (current !== undefined && current.dev === published?.dev && current.ino === published.ino) {
        await rm(path, { force: true })
      }
      published = undefined
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/**
 * Checks the length of a socket path, which the system would otherwise cut off or refuse with a riddle.
 *
 * @throws TF_SOCKET_UNUSABLE
 */
export function assertSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= SOCKET_PATH_BYTES_MAX) return
  throw new TenfoldError(
    'TF_SOCKET_UNUSABLE',
    `expected the path of a socket to have at most ${SOCKET_PATH_BYTES_MAX} bytes, got ${bytes}: ${path}`,
    { hint: 'set XDG_RUNTIME_DIR or TMPDIR to a shorter directory', details: { path, bytes } },
  )
}

/** Whether anything listens on a socket file. */
export function isSocketLive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      // A full backlog: somebody listens, and is busy.
      else if (error.code === 'EAGAIN') resolve(true)
      else reject(error)
    })
  })
}

/**
 * Root may make a socket in a directory of the user it gives it to, who could put a link to any file in its place
 * meanwhile. So the file is opened without following links, and changed through its descriptor.
 */
async function setPermissions(
  path: string,
  options: { mode: number; owner?: { uid: number; gid: number } | undefined },
): Promise<{ dev: number; ino: number }> {
  const isLinux = process.platform === 'linux'
  const handle = isLinux ? await open(path, O_PATH | constants.O_NOFOLLOW) : undefined
  try {
    const found = (await handle?.stat()) ?? (await lstat(path))
    if (!found.isSocket()) throw new Error(`expected ${path} to be our socket, got another file`)
    const exact = handle === undefined ? path : `/proc/self/fd/${handle.fd}`
    await chmod(exact, options.mode)
    if (options.owner !== undefined) await chown(exact, options.owner.uid, options.owner.gid)
    return found
  } finally {
    await handle?.close()
  }
}

async function privateDirectory(path: string): Promise<string> {
  try {
    const directory = await mkdtemp(join(dirname(path), '.s-'))
    assertSocketPath(join(directory, 's'))
    return directory
  } catch (error) {
    if (error instanceof TenfoldError) throw error
    throw new TenfoldError(
      'TF_SOCKET_UNUSABLE',
      `expected ${dirname(path)} to be a directory we can write, got ${String(error)}`,
      { hint: 'create the directory, or make it writable for this user', details: { path }, cause: error },
    )
  }
}

/** `link` fails when the name exists, which `rename` would not: of two servers that start at once one gets the path. */
async function linkInto(privatePath: string, path: string, directory: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      return await link(privatePath, path)
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
    }
    await removeStale(path, directory)
  }
  throw alreadyListening(path)
}

async function removeStale(path: string, directory: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined)
  if (file === undefined) return
  if (!file.isSocket()) {
    throw new TenfoldError('TF_SOCKET_UNUSABLE', `expected ${path} to be a socket or nothing, got another file`, {
      hint: `move ${path} away`,
      details: { path },
    })
  }
  if (await isSocketLive(path)) throw alreadyListening(path)
  // Between the look and the removal another server may have taken the path: take the file first, then look again.
  const taken = join(directory, 'stale')
  try {
    await rename(path, taken)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return
    throw error
  }
  if (await isSocketLive(taken)) {
    await rename(taken, path)
    throw alreadyListening(path)
  }
  await unlink(taken)
}

function alreadyListening(path: string): TenfoldError {
  return new TenfoldError('TF_ALREADY_RUNNING', `expected nobody to listen on ${path}, got a live server`, {
    hint: 'stop the running system with "tenfold down" first',
    details: { path },
  })
}
