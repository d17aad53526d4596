import { createHash } from 'node:crypto'
import { chmod, link, mkdir, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { copyFileDurably } from '../../clusters/copy-file.ts'
import { syncDirectory, writeFileDurably } from '../../core/durable-file.ts'
import { TenfoldError, messageOf } from '../../core/errors.ts'
import { uniqueId } from '../../core/random.ts'
import type { BackupRepository, MovedFile, MoveOptions, StoredObject } from '../repository.ts'
import { copyChecked } from '../copy-checked.ts'

/**
 * A repository in a folder, another disk best of all. Objects are files that only we can read; directories are made
 * as they are needed. The folder itself is made if its parent is there, so that a disk that is not mounted is noticed.
 *
 * If the folder has the bit that hands its group on (`chmod 2750`), that group can read what is in it: for somebody
 * who pulls copies, and must not be able to write here.
 *
 * @example folderRepository('/mnt/backups')
 */
export function folderRepository(folder: string): BackupRepository {
  return new FolderRepository(folder)
}

const UNFINISHED = '.tmp'
/** The group reads, enters, and is handed on. */
const SHARED = 0o2050

class FolderRepository implements BackupRepository {
  readonly where: string
  readonly #unsettled = new Set<string>()
  #sharing: number | undefined

  constructor(folder: string) {
    this.where = folder
  }

  async write(key: string, content: Uint8Array): Promise<'written' | 'exists'> {
    return this.#explained(async () => {
      const path = this.#pathOf(key)
      if (await exists(path)) return 'exists'
      await this.#makeDirectory(dirname(path))
      const aside = `${path}.${uniqueId()}${UNFINISHED}`
      try {
        await writeFileDurably(aside, content, { mode: (await this.#modes()).file })
        // Unlike a rename, a link never takes the place of what is there.
        await link(aside, path)
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return 'exists'
        throw error
      } finally {
        await rm(aside, { force: true })
      }
      await syncDirectory(dirname(path))
      return 'written'
    })
  }

  async writeFile(key: string, file: string, options: MoveOptions = {}): Promise<MovedFile | undefined> {
    return this.#explained(async () => {
      const path = this.#pathOf(key)
      await this.#makeDirectory(dirname(path))
      this.#unsettled.add(dirname(path))
      return copyHashed(file, path, { ...options, mode: (await this.#modes()).file })
    })
  }

  async settle(): Promise<void> {
    await this.#explained(async () => {
      for (const directory of this.#unsettled) {
        await syncDirectory(directory)
        this.#unsettled.delete(directory)
      }
    })
  }

  async read(key: string): Promise<Buffer | undefined> {
    return this.#explained(() => unlessAbsent(readFile(this.#pathOf(key))))
  }

  async readFile(
    key: string,
    file: string,
    options: Parameters<BackupRepository['readFile']>[2] = {},
  ): Promise<MovedFile | undefined> {
    return this.#explained(() => unlessAbsent(copyChecked(this.#pathOf(key), file, options)))
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    return this.#explained(async () => {
      const found: StoredObject[] = []
      const enter = async (directory: string): Promise<void> => {
        const entries = (await unlessAbsent(readdir(this.#pathOf(directory), { withFileTypes: true }))) ?? []
        for (const entry of entries) {
          const key = `${directory}${entry.name}`
          if (entry.isDirectory()) await enter(`${key}/`)
          else if (entry.isFile() && !key.endsWith(UNFINISHED)) {
            const sizeBytes = (await unlessAbsent(stat(this.#pathOf(key))))?.size
            if (sizeBytes !== undefined) found.push({ key, sizeBytes })
          }
        }
      }
      await enter(prefix)
      return found.sort((a, b) => (a.key < b.key ? -1 : 1))
    })
  }

  async names(prefix: string): Promise<readonly string[]> {
    return this.#explained(async () => {
      const names = (await unlessAbsent(readdir(this.#pathOf(prefix)))) ?? []
      return names.filter((name) => !name.endsWith(UNFINISHED)).sort()
    })
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#explained(async () => {
      for (const key of keys) {
        await rm(this.#pathOf(key), { force: true })
        await this.#removeEmpty(dirname(key))
      }
    })
  }

  /** Upwards, as long as nothing is left in them. */
  async #removeEmpty(directory: string): Promise<void> {
    for (let at = directory; at !== '.' && at !== ''; at = dirname(at)) {
      try {
        await rmdir(this.#pathOf(at))
      } catch {
        // Not empty, or not there any more.
        return
      }
    }
  }

  async #makeDirectory(directory: string): Promise<void> {
    if (await exists(directory)) return
    if (!(await exists(dirname(this.where)))) {
      throw Object.assign(new Error(`${dirname(this.where)} does not exist`), { code: 'ENOENT' })
    }
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    const { directory: mode } = await this.#modes()
    for (let at = directory; at.length >= first.length; at = dirname(at)) {
      if (at !== this.where) await chmod(at, mode)
      // Each new name on the way is in the directory above it.
      await syncDirectory(dirname(at))
    }
  }

  /** Whatever the umask. */
  async #modes(): Promise<{ readonly file: number; readonly directory: number }> {
    this.#sharing ??= ((await unlessAbsent(stat(this.where)))?.mode ?? 0) & SHARED
    return this.#sharing === SHARED ? { file: 0o640, directory: 0o2750 } : { file: 0o600, directory: 0o700 }
  }

  #pathOf(key: string): string {
    return join(this.where, key)
  }

  async #explained<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      throw explainFolder(this.where, error)
    }
  }
}

async function copyHashed(
  from: string,
  to: string,
  options: Parameters<typeof copyFileDurably>[2],
): Promise<MovedFile | undefined> {
  const hash = createHash('sha256')
  try {
    const sizeBytes = await copyFileDurably(from, to, { ...options, hash })
    return sizeBytes === undefined ? undefined : { sizeBytes, sha256: hash.digest('hex') }
  } catch (error) {
    // Half a file would be in the way of the next attempt; one that was there before is not ours to remove.
    if (codeOf(error) !== 'EEXIST') await rm(to, { force: true })
    throw error
  }
}

function explainFolder(folder: string, error: unknown): unknown {
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TenfoldError('TF_DISK_FULL', `expected room in ${folder}, but its disk is full`, {
      hint: `free some space there; nothing is lost, what is not archived yet waits beside the database`,
      cause: error,
    })
  }
  if (!(error instanceof Error) || !('syscall' in error || code === 'ENOENT')) return error
  return new TenfoldError('TF_REPOSITORY_UNREACHABLE', `expected to use ${folder}, got: ${messageOf(error)}`, {
    hint: 'mount it, or correct "to" of the backup in the blueprint',
    cause: error,
  })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

async function exists(path: string): Promise<boolean> {
  return (await unlessAbsent(stat(path))) !== undefined
}

async function unlessAbsent<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}
