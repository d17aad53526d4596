import { createHash, hash } from 'node:crypto'
import { closeSync, fchmodSync, fchownSync, openSync, readSync } from 'node:fs'
import { constants, copyFile, open, rm } from 'node:fs/promises'
import type { BackupRepository, MovedFile } from './repository.ts'

type CopyOptions = NonNullable<Parameters<BackupRepository['readFile']>[2]>

const CHUNK_BYTES = 1024 ** 2
/** Reading so much of what is in memory takes less time than a turn of the thread pool. */
const SMALL_BYTES = 128 * 1024

/**
 * Copies an object out of a folder and reads the copy. Unlike the files of a running server, an object does not change:
 * the system copies it, which is faster than we are.
 */
export async function copyChecked(from: string, to: string, options: CopyOptions): Promise<MovedFile> {
  const { sizeBytes, isSynced = true, signal } = options
  signal?.throwIfAborted()
  await copyFile(from, to, constants.COPYFILE_EXCL)
  try {
    const isSmall = sizeBytes !== undefined && sizeBytes <= SMALL_BYTES && !isSynced
    return (isSmall ? finishSmall(to, sizeBytes, options) : undefined) ?? (await finish(to, options))
  } catch (error) {
    await rm(to, { force: true })
    throw error
  }
}

/**
 * A database is a thousand small files, whose many calls would each wait for a thread; what was written just now is in
 * memory, so none of them waits for the disk. @returns undefined when the file is not as long as it should be
 */
function finishSmall(file: string, sizeBytes: number, { user, onBytes }: CopyOptions): MovedFile | undefined {
  const copy = openSync(file, 'r')
  try {
    const content = Buffer.allocUnsafe(sizeBytes + 1)
    if (readSync(copy, content, 0, content.length, 0) !== sizeBytes) return undefined
    fchmodSync(copy, 0o600)
    if (user !== undefined) fchownSync(copy, user.uid, user.gid)
    onBytes?.(sizeBytes)
    return { sizeBytes, sha256: hash('sha256', content.subarray(0, sizeBytes), 'hex') }
  } finally {
    closeSync(copy)
  }
}

async function finish(
  file: string,
  { user, sizeBytes = 0, isSynced = true, onBytes, signal }: CopyOptions,
): Promise<MovedFile> {
  const copy = await open(file, 'r')
  try {
    const sha256 = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(sizeBytes + 1, 8192)))
    let position = 0
    for (;;) {
      signal?.throwIfAborted()
      const { bytesRead } = await copy.read(buffer, 0, buffer.length, position)
      sha256.update(buffer.subarray(0, bytesRead))
      if (bytesRead > 0) onBytes?.(bytesRead)
      position += bytesRead
      // As long as was expected, or at the end.
      if (bytesRead === 0 || (position === sizeBytes && bytesRead < buffer.length)) break
    }
    await copy.chmod(0o600)
    if (user !== undefined) await copy.chown(user.uid, user.gid)
    if (isSynced) await copy.sync()
    return { sizeBytes: position, sha256: sha256.digest('hex') }
  } finally {
    await copy.close()
  }
}
