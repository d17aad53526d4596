import { chmod, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes a directory and the parents it lacks, all with this mode whatever the umask; those that exist stay as they are. */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, mode)
}
