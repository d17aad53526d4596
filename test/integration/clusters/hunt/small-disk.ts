import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A file system of its own, that can be filled without harm. */
export interface SmallDisk {
  unmount(): Promise<void>
}

const run = promisify(execFile)
/** For three nodes and what they keep of the log. */
const SIZE = '1500m'

/** Mounts a disk in memory; undefined where that is not allowed. */
export async function mountSmallDisk(directory: string): Promise<SmallDisk | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0711`, 'tmpfs', directory])
  } catch {
    return undefined
  }
  return {
    async unmount() {
      await run('umount', [directory])
    },
  }
}
