import { createHash } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import { uniqueId } from '../../core/random.ts'
import { MARK, MARK_KEY } from '../lineage.ts'
import type { BucketClient } from './bucket-client.ts'

/** Makes objects that nothing takes the place of. */
export interface BucketWriter {
  /** Writes one object, if there is none with this key. @throws TF_REPOSITORY_UNSUITABLE */
  put(key: string, content: Uint8Array, signal?: AbortSignal): Promise<'written' | 'exists'>
  /** @throws TF_REPOSITORY_UNSUITABLE when the store overwrites what is there, whatever it is asked */
  requireCareful(): Promise<void>
  /** Headers for an object to be, and what it can be told by. */
  newObject(): { readonly headers: Readonly<Record<string, string>>; readonly id: string }
  partHeaders(body: Uint8Array): Readonly<Record<string, string>>
  /** Whether what is there was made by a request of ours whose answer was lost. */
  isOurs(key: string, id: string, signal?: AbortSignal): Promise<boolean>
  unsuitable(got: string): TenfoldError
}

/** @see createBucketWriter */
export interface BucketWriterOptions {
  readonly client: BucketClient
  readonly where: string
  readonly lockMs: number | undefined
  readonly clock: Clock
}

const ID = 'x-amz-meta-tenfold-write'
const SHA256 = 'x-amz-meta-sha256'

/** The checksum that was noted beside an object; undefined: it was sent in parts. */
export function notedSha256(headers: Readonly<Record<string, string>>): string | undefined {
  return headers[SHA256]
}

/** @see BucketWriter */
export function createBucketWriter({ client, where, lockMs, clock }: BucketWriterOptions): BucketWriter {
  let careful: Promise<void> | undefined
  const lock = (): Readonly<Record<string, string>> =>
    lockMs === undefined
      ? {}
      : {
          'x-amz-object-lock-mode': 'COMPLIANCE',
          'x-amz-object-lock-retain-until-date': new Date(clock.epochMs() + lockMs).toISOString(),
        }

  async function put(key: string, content: Uint8Array, signal?: AbortSignal): Promise<'written' | 'exists'> {
    const { headers, id } = writer.newObject()
    const answer = await client.send({
      method: 'PUT',
      key,
      headers: {
        ...headers,
        ...writer.partHeaders(content),
        [SHA256]: createHash('sha256').update(content).digest('hex'),
        'if-none-match': '*',
      },
      body: content,
      signal,
    })
    if (answer.status < 300) return 'written'
    if (answer.status !== 412) throw writer.unsuitable(`a write is answered with ${answer.status}`)
    return answer.isRepeated && (await writer.isOurs(key, id, signal)) ? 'written' : 'exists'
  }

  /** The mark of a repository is always the same, so nothing is lost if the store does overwrite it. */
  async function probe(): Promise<void> {
    if ((await put(MARK_KEY, Buffer.from(MARK))) === 'exists') return
    if ((await put(MARK_KEY, Buffer.from(MARK))) === 'exists') return
    throw writer.unsuitable('it overwrites an object that is there, although it is told not to')
  }

  const writer: BucketWriter = {
    async put(key, content, signal) {
      await writer.requireCareful()
      return put(key, content, signal)
    },
    requireCareful() {
      careful ??= probe().catch((error: unknown) => {
        careful = undefined
        throw error
      })
      return careful
    },
    newObject() {
      const id = uniqueId()
      return { headers: { [ID]: id, 'content-type': 'application/octet-stream', ...lock() }, id }
    },
    // A store asks for it where objects are locked.
    partHeaders: (body) =>
      lockMs === undefined ? {} : { 'content-md5': createHash('md5').update(body).digest('base64') },
    async isOurs(key, id, signal) {
      const { status, headers } = await client.send({ method: 'HEAD', key, signal })
      return status < 300 && headers[ID] === id
    },
    unsuitable: (got) =>
      new TenfoldError('TF_REPOSITORY_UNSUITABLE', `expected ${where} to keep what was written once, but ${got}`, {
        hint: 'use a store that knows conditional writes (If-None-Match: *), or a folder',
      }),
  }
  return writer
}
