import { createHash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import type { ResolvedBucket } from '../../blueprint/resolved-backup.ts'
import type { Clock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import { forEachBounded } from '../../core/for-each-bounded.ts'
import { createBucketClient } from '../bucket/bucket-client.ts'
import type { BucketClient } from '../bucket/bucket-client.ts'
import type { ReadSecrets } from '../bucket/bucket-keys.ts'
import { bucketKeysFrom } from '../bucket/bucket-keys.ts'
import type { BucketWriter } from '../bucket/bucket-writer.ts'
import { createBucketWriter, notedSha256 } from '../bucket/bucket-writer.ts'
import type { ListPage } from '../bucket/bucket-xml.ts'
import { readListPage } from '../bucket/bucket-xml.ts'
import { uploadFile } from '../bucket/upload-file.ts'
import type { BackupRepository, MovedFile, MoveOptions, StoredObject } from '../repository.ts'
import { damaged } from '../wal-object.ts'

/** What a bucket is reached with. */
export interface BucketMeans {
  readonly clock: Clock
  /** Where the keys are read from. */
  readonly secrets: ReadSecrets
}

/**
 * A repository in a bucket of Amazon S3, or of a store that speaks its protocol. Whatever is sent is compared by the
 * store with its SHA-256, and nothing is written over: each write is conditional, and a store that doesn't know such
 * writes is refused before the first one. What fails in passing is tried again, five times at most.
 *
 * Of each file that is moved at most 8 MiB are in memory.
 *
 * @example bucketRepository({ kind: 'bucket', name: 'acme-backups', prefix: 'shop', region: 'eu-central-1', … }, means)
 */
export function bucketRepository(bucket: ResolvedBucket, means: BucketMeans): BackupRepository {
  return new BucketRepository(bucket, means)
}

const REMOVED_AT_A_TIME = 8
/** Of 1,000 keys. */
const PAGES_MAX = 10_000

class BucketRepository implements BackupRepository {
  readonly where: string
  readonly #prefix: string
  readonly #client: BucketClient
  readonly #writer: BucketWriter

  constructor(bucket: ResolvedBucket, { clock, secrets }: BucketMeans) {
    this.where = `s3://${bucket.name}${bucket.prefix === '' ? '' : `/${bucket.prefix}`}`
    this.#prefix = bucket.prefix === '' ? '' : `${bucket.prefix}/`
    this.#client = createBucketClient({ bucket, keys: bucketKeysFrom(secrets, clock), clock })
    this.#writer = createBucketWriter({ client: this.#client, where: this.where, lockMs: bucket.lockMs, clock })
  }

  write(key: string, content: Uint8Array): Promise<'written' | 'exists'> {
    return this.#writer.put(key, content)
  }

  async writeFile(key: string, file: string, options: MoveOptions = {}): Promise<MovedFile | undefined> {
    await this.#writer.requireCareful()
    const moved = await uploadFile(this.#client, this.#writer, key, file, options)
    if (moved !== 'exists') return moved
    throw new TenfoldError('TF_REPOSITORY_UNREACHABLE', `expected no ${key} in ${this.where}, but there is one`, {
      hint: 'see who else takes backups into it; each system needs a prefix of its own',
    })
  }

  /** A store has what it has said yes to. */
  async settle(): Promise<void> {}

  async read(key: string): Promise<Buffer | undefined> {
    const { status, headers, body } = await this.#client.send({ method: 'GET', key })
    if (status === 404) return undefined
    const noted = notedSha256(headers)
    if (noted !== undefined && noted !== createHash('sha256').update(body).digest('hex')) {
      throw damaged(key, 'the checksum differs')
    }
    return body
  }

  async readFile(
    key: string,
    file: string,
    options: Parameters<BackupRepository['readFile']>[2] = {},
  ): Promise<MovedFile | undefined> {
    const { user, isSynced = true, onBytes, signal } = options
    const copy = await open(file, 'wx', 0o600)
    let moved: MovedFile | undefined
    try {
      const hash = createHash('sha256')
      let sizeBytes = 0
      const isThere = await this.#client.receive(
        key,
        async (chunk) => {
          for (let written = 0; written < chunk.length;) {
            written += (await copy.write(chunk, written)).bytesWritten
          }
          hash.update(chunk)
          sizeBytes += chunk.length
          onBytes?.(chunk.length)
        },
        signal,
      )
      if (isThere) {
        if (user !== undefined) await copy.chown(user.uid, user.gid)
        if (isSynced) await copy.sync()
        moved = { sizeBytes, sha256: hash.digest('hex') }
      }
      return moved
    } finally {
      await copy.close()
      if (moved === undefined) await rm(file, { force: true })
    }
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const found: StoredObject[] = []
    for await (const { objects } of this.#pages(prefix, {})) {
      for (const { key, sizeBytes } of objects) found.push({ key: key.slice(this.#prefix.length), sizeBytes })
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  async names(prefix: string): Promise<readonly string[]> {
    const names = new Set<string>()
    const from = this.#prefix.length + prefix.length
    for await (const { objects, prefixes } of this.#pages(prefix, { delimiter: '/' })) {
      for (const { key } of objects) names.add(key.slice(from))
      for (const common of prefixes) names.add(common.slice(from, -1))
    }
    return [...names].sort()
  }

  async remove(keys: readonly string[]): Promise<void> {
    await forEachBounded(keys, REMOVED_AT_A_TIME, async (key) => {
      await this.#client.send({ method: 'DELETE', key })
    })
  }

  interrupt(): void {
    this.#client.interrupt()
  }

  async *#pages(prefix: string, more: Readonly<Record<string, string>>): AsyncGenerator<ListPage> {
    let next: string | undefined
    for (let page = 0; page < PAGES_MAX; page++) {
      const token: Record<string, string> = next === undefined ? {} : { 'continuation-token': next }
      const query = { 'list-type': '2', 'encoding-type': 'url', prefix: this.#prefix + prefix, ...more, ...token }
      const { body } = await this.#client.send({ method: 'GET', query })
      const read = readListPage(body.toString('utf8'))
      yield read
      if (read.next === undefined) return
      next = read.next
    }
    throw new TenfoldError('TF_REPOSITORY_UNREACHABLE', `expected the list of ${this.where} to end, but it does not`, {
      hint: 'use a store that lists in the way of S3 (ListObjectsV2), or a prefix with fewer objects',
    })
  }
}
