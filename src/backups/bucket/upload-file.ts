import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { openIfThere } from '../../core/open-if-there.ts'
import type { MovedFile, MoveOptions } from '../repository.ts'
import type { BucketClient } from './bucket-client.ts'
import type { UploadedPart } from './bucket-xml.ts'
import { completeDocument, textIn } from './bucket-xml.ts'
import type { BucketWriter } from './bucket-writer.ts'

/** What is sent at once, and all that is in memory; stores take no less than 5 MiB. */
const PART_BYTES = 8 * 1024 ** 2
const SMALLEST_BYTES = 8_192

/**
 * Sends a file that may change meanwhile as a new object: what was read is what is sent, however often it takes.
 *
 * @returns undefined when the file is gone; `'exists'` when there is an object with this key
 */
export async function uploadFile(
  client: BucketClient,
  writer: BucketWriter,
  key: string,
  file: string,
  options: MoveOptions,
): Promise<MovedFile | 'exists' | undefined> {
  const source = await openIfThere(file)
  if (source === undefined) return undefined
  try {
    const size = options.sizeBytes ?? (await source.stat()).size
    // One more than there should be, so that the end is seen at once.
    const small = Buffer.allocUnsafe(Math.min(PART_BYTES, Math.max(size + 1, SMALLEST_BYTES)))
    const length = await fill(source, small, 0, 0)
    const upload = { client, writer, key, source, options }
    if (length < small.length) return await sendWhole(upload, small.subarray(0, length))
    const buffer = Buffer.allocUnsafe(PART_BYTES)
    small.copy(buffer)
    // It has grown: all but the last part have to be of full size.
    const first = await fill(source, buffer, length, length)
    return await (first < buffer.length ? sendWhole(upload, buffer.subarray(0, first)) : sendParts(upload, buffer))
  } finally {
    await source.close()
  }
}

interface Upload {
  readonly client: BucketClient
  readonly writer: BucketWriter
  readonly key: string
  readonly source: FileHandle
  readonly options: MoveOptions
}

async function sendWhole(
  { writer, key, options: { signal, onBytes } }: Upload,
  content: Buffer,
): Promise<MovedFile | 'exists'> {
  if ((await writer.put(key, content, signal)) === 'exists') return 'exists'
  onBytes?.(content.length)
  return { sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
}

async function sendParts(upload: Upload, buffer: Buffer): Promise<MovedFile | 'exists'> {
  const { client, writer, key, source, options } = upload
  const { signal } = options
  const hash = createHash('sha256')
  const { headers, id } = writer.newObject()
  const begun = await client.send({ method: 'POST', key, query: { uploads: '' }, headers, signal })
  const uploadId = textIn(begun.body.toString('utf8'), 'UploadId')
  if (uploadId === undefined) throw writer.unsuitable(`an upload in parts is answered with ${begun.status}`)
  try {
    const parts: UploadedPart[] = []
    let sizeBytes = 0
    for (let length = buffer.length; length > 0; length = await fill(source, buffer, 0, sizeBytes)) {
      const body = buffer.subarray(0, length)
      const number = parts.length + 1
      const query = { partNumber: String(number), uploadId }
      const partHeaders = writer.partHeaders(body)
      const answer = await client.send({ method: 'PUT', key, query, headers: partHeaders, body, signal })
      const { etag } = answer.headers
      if (answer.status >= 300 || etag === undefined) throw writer.unsuitable('a part of an upload has got lost')
      parts.push({ number, etag })
      hash.update(body)
      sizeBytes += length
      options.onBytes?.(length)
    }
    const answer = await client.send({
      method: 'POST',
      key,
      query: { uploadId },
      headers: { 'if-none-match': '*' },
      body: Buffer.from(completeDocument(parts)),
      signal,
    })
    // Refused, or done already by an attempt whose answer was lost.
    if (answer.status >= 300 && !(await writer.isOurs(key, id, signal))) {
      if (answer.status !== 412) throw writer.unsuitable(`the end of an upload is answered with ${answer.status}`)
      await abandon(client, key, uploadId)
      return 'exists'
    }
    return { sizeBytes, sha256: hash.digest('hex') }
  } catch (error) {
    await abandon(client, key, uploadId)
    throw error
  }
}

/** As far as it goes: what is left is for the rule that a bucket should have for such uploads. */
async function abandon(client: BucketClient, key: string, uploadId: string): Promise<void> {
  await client.send({ method: 'DELETE', key, query: { uploadId } }).catch(() => undefined)
}

/** Reads from a position of the file until the buffer is full or the file ends. @returns how much of the buffer is filled */
async function fill(source: FileHandle, buffer: Buffer, filled: number, position: number): Promise<number> {
  let length = filled
  while (length < buffer.length) {
    const { bytesRead } = await source.read(buffer, length, buffer.length - length, position + length - filled)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return length
}
