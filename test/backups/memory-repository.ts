import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import type { BackupRepository, MovedFile, MoveOptions } from '../../src/backups/repository.ts'
import { TenfoldError } from '../../src/core/errors.ts'

/** A repository in memory; `failure`, while it is set, is what every write rejects with. */
export interface MemoryRepository extends BackupRepository {
  readonly objects: Map<string, Buffer>
  failure: Error | undefined
}

export function memoryRepository(): MemoryRepository {
  const objects = new Map<string, Buffer>()
  const moved = (content: Buffer, { onBytes }: MoveOptions): MovedFile => {
    onBytes?.(content.length)
    return { sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
  }
  const repository: MemoryRepository = {
    where: 'memory',
    objects,
    failure: undefined,
    async write(key, content) {
      if (repository.failure !== undefined) throw repository.failure
      if (objects.has(key)) return 'exists'
      objects.set(key, Buffer.from(content))
      return 'written'
    },
    async writeFile(key, file, options = {}) {
      options.signal?.throwIfAborted()
      if (repository.failure !== undefined) throw repository.failure
      const content = await unlessAbsent(readFile(file))
      if (content === undefined) return undefined
      if (objects.has(key)) throw new TenfoldError('TF_REPOSITORY_UNREACHABLE', `expected no ${key}`)
      objects.set(key, content)
      return moved(content, options)
    },
    settle: async () => undefined,
    read: async (key) => objects.get(key),
    async readFile(key, file, options = {}) {
      options.signal?.throwIfAborted()
      const content = objects.get(key)
      if (content === undefined) return undefined
      await writeFile(file, content, { flag: 'wx', mode: 0o600 })
      return moved(content, options)
    },
    async list(prefix) {
      const found = [...objects].filter(([key]) => key.startsWith(prefix))
      return found.map(([key, { length }]) => ({ key, sizeBytes: length })).sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    async names(prefix) {
      const rest = [...objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
      return [...new Set(rest.map((key) => key.split('/')[0]!))].sort()
    },
    async remove(keys) {
      for (const key of keys) objects.delete(key)
    },
  }
  return repository
}

async function unlessAbsent(reading: Promise<Buffer>): Promise<Buffer | undefined> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
}
