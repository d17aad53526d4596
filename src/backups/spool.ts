import { readdir, readFile, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from '../core/durable-file.ts'
import { TenfoldError } from '../core/errors.ts'
import type { LineageKeys } from './lineage.ts'
import type { BackupRepository } from './repository.ts'
import { isArchivedName } from './wal-names.ts'
import { isSameWal, packWal } from './wal-object.ts'

/** What the server has put into a spool and nobody has taken, in the order in which it was written. */
export async function listSpool(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  // Histories first: who has a segment of a timeline can tell how it came to be.
  const rank = (name: string): string => `${name.endsWith('.history') ? 0 : 1}${name.slice(8)}${name}`
  return names.filter(isArchivedName).sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
}

/** What waits in a spool, and what room there is. */
export interface SpoolSize {
  readonly waitingBytes: number
  /** For us on its disk, which is that of the data. */
  readonly freeBytes: number
}

/** The size of these files of a spool; those that are gone take no room. */
export async function measureSpool(directory: string, names: readonly string[]): Promise<SpoolSize> {
  let waitingBytes = 0
  for (const name of names) {
    waitingBytes += (await stat(join(directory, name)).catch(() => undefined))?.size ?? 0
  }
  const { bavail, bsize } = await statfs(directory)
  return { waitingBytes, freeBytes: bavail * bsize }
}

/**
 * Takes one file of a spool into the repository, and only then out of the spool. After a crash in between the file
 * meets itself in the repository, which is fine.
 *
 * @returns false when the spool does not have it any more
 * @throws TF_ARCHIVE_CONFLICT when the repository has another file of this name; it stays, and so does the spool's
 */
export async function archiveFile(
  spool: string,
  name: string,
  repository: BackupRepository,
  keys: LineageKeys,
): Promise<boolean> {
  const file = join(spool, name)
  const content = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (content === undefined) return false
  const key = keys.walObject(name)
  if ((await repository.write(key, await packWal(name, content))) === 'exists') {
    const there = await repository.read(key)
    if (there !== undefined && !isSameWal(there, name, content)) throw conflict(repository.where, key, file)
  }
  await rm(file, { force: true })
  // If the removal is lost in a power cut, the file is taken once more.
  await syncDirectory(spool)
  return true
}

/** Takes everything that is in a spool: for a cluster that is down, whose archiver does not run. Throws as `archiveFile`. */
export async function drainSpool(spool: string, repository: BackupRepository, keys: LineageKeys): Promise<number> {
  const names = await listSpool(spool)
  for (const name of names) await archiveFile(spool, name, repository, keys)
  return names.length
}

function conflict(where: string, key: string, file: string): TenfoldError {
  return new TenfoldError('TF_ARCHIVE_CONFLICT', `expected ${key} in ${where} to be what ${file} is, but it differs`, {
    hint: 'two servers have written the same part of a log, or the repository was changed: take a new backup into another folder',
    details: { key, file },
  })
}
