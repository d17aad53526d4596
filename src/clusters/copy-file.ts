import type { Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { openIfThere } from '../core/open-if-there.ts'

/** How to copy. */
export interface CopyFileOptions {
  /** Owner of the copy; needs root. @default the one who copies */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** Permissions of the copy, whatever the umask. @default 0o600 */
  readonly mode?: number
  /** Whether the copy is put on the disk here; else somebody else has to. @default true */
  readonly isSynced?: boolean
  /** Told every byte. */
  readonly hash?: Hash | undefined
  /** About how much there is, so that nobody has to ask. */
  readonly sizeBytes?: number | undefined
  readonly onBytes?: ((bytes: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

const CHUNK_BYTES = 1024 ** 2

/**
 * Copies a file that may grow, shrink or be removed meanwhile into one that must not exist yet, and puts it on the
 * disk. Its name is durable only after `syncDirectory`.
 *
 * Node's own `copyFile` is not used: it does not end when the source shrinks under it.
 *
 * @returns the size of the copy, or undefined when the source was gone before the first byte
 */
export async function copyFileDurably(
  from: string,
  to: string,
  options: CopyFileOptions = {},
): Promise<number | undefined> {
  const source = await openIfThere(from)
  if (source === undefined) return undefined
  let target: FileHandle | undefined
  try {
    target = await open(to, 'wx', 0o600)
    const bytes = await pump(source, target, options)
    // Made with this mode already, whatever the umask takes away from others.
    if (options.mode !== undefined && options.mode !== 0o600) await target.chmod(options.mode)
    if (options.owner !== undefined) await target.chown(options.owner.uid, options.owner.gid)
    if (options.isSynced !== false) await target.sync()
    return bytes
  } finally {
    await Promise.all([source.close(), target?.close()])
  }
}

async function pump(source: FileHandle, target: FileHandle, options: CopyFileOptions): Promise<number> {
  const size = options.sizeBytes ?? (await source.stat()).size
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(size, 8192)))
  for (let copied = 0; ;) {
    options.signal?.throwIfAborted()
    const { bytesRead } = await source.read(buffer, 0, buffer.length, copied)
    if (bytesRead === 0) return copied
    const chunk = buffer.subarray(0, bytesRead)
    options.hash?.update(chunk)
    for (let written = 0; written < bytesRead;) {
      const result = await target.write(chunk, written, bytesRead - written)
      written += result.bytesWritten
    }
    copied += bytesRead
    options.onBytes?.(bytesRead)
  }
}
