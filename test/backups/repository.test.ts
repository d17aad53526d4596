import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'vitest'
import { bucketRepository } from '../../src/backups/repositories/bucket.ts'
import { folderRepository } from '../../src/backups/repositories/folder.ts'
import type { BackupRepository } from '../../src/backups/repository.ts'
import { systemClock } from '../../src/core/clock.ts'
import { memoryRepository } from './memory-repository.ts'
import { repositoryCases } from './repository-cases.ts'
import type { StoreForTests } from './store-for-tests.ts'
import { startStore } from './store-for-tests.ts'

let directory: string
let store: StoreForTests

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'a repository '))
  await mkdir(join(directory, 'files'))
  store = await startStore()
})

afterEach(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

const secrets = async (): Promise<Record<string, string>> => ({
  AWS_ACCESS_KEY_ID: 'KEY',
  AWS_SECRET_ACCESS_KEY: 'secret',
})
const repositories: readonly { readonly name: string; readonly open: () => BackupRepository }[] = [
  { name: 'folder', open: () => folderRepository(join(directory, 'backups')) },
  { name: 'bucket', open: () => bucketRepository(store.bucket, { clock: systemClock, secrets }) },
  { name: 'memory, for tests,', open: memoryRepository },
]

describe.each(repositories)('a repository in a $name', ({ open }) => {
  test.each(repositoryCases)('$name', ({ run }) => run(open(), join(directory, 'files')))
})
