import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'

/** Opens a file for reading; undefined when it is not there. */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
