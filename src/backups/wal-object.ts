import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { z } from 'zod'
import { TenfoldError, messageOf } from '../core/errors.ts'

/**
 * How a file of the log is kept: a frame of zstd that decoders skip (RFC 8878, 3.1.2) with what is known of the file,
 * then the file, compressed. `zstd -d` reads it.
 */
interface WalNote {
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}

const SKIPPED = 0x184d2a50
const HEADER_BYTES = 8
const NOTE_BYTES_MAX = 1024
/** A segment and then some: what claims to be longer is not ours. */
const FILE_BYTES_MAX = 64 * 1024 ** 2

const noteSchema: z.ZodType<WalNote> = z.object({
  name: z.string(),
  sizeBytes: z.number().int().min(0).max(FILE_BYTES_MAX),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** The object for a file of the log. */
export async function packWal(name: string, content: Uint8Array): Promise<Buffer> {
  const note: WalNote = { name, sizeBytes: content.length, sha256: sha256(content) }
  const text = Buffer.from(JSON.stringify(note))
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(SKIPPED, 0)
  header.writeUInt32LE(text.length, 4)
  const params = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 }
  return Buffer.concat([header, text, await compress(content, { params })])
}

/**
 * The file in an object, compared with what was noted when it was written.
 *
 * @throws TF_BACKUP_DAMAGED when one bit is not what it was
 */
export async function unpackWal(key: string, object: Buffer): Promise<{ name: string; content: Buffer }> {
  try {
    const { name, sizeBytes, sha256: wanted } = noteOf(object)
    const body = object.subarray(HEADER_BYTES + object.readUInt32LE(4))
    const content = await decompress(body, { maxOutputLength: FILE_BYTES_MAX })
    if (content.length !== sizeBytes || sha256(content) !== wanted) throw new Error('the checksum differs')
    return { name, content }
  } catch (cause) {
    throw damaged(key, messageOf(cause), cause)
  }
}

/** Whether an object holds just this file. */
export function isSameWal(object: Buffer, name: string, content: Uint8Array): boolean {
  try {
    const note = noteOf(object)
    return note.name === name && note.sha256 === sha256(content)
  } catch {
    // Not even a note: whatever it is, it is not this file.
    return false
  }
}

/** The error for an object that is not what was written. */
export function damaged(key: string, got: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_BACKUP_DAMAGED', `expected ${key} to be as it was written, but ${got}`, {
    hint: 'restore from another backup ("tenfold backup list") or from the pulled copy, and find out who changed it',
    details: { key },
    cause,
  })
}

function noteOf(object: Buffer): WalNote {
  if (object.length < HEADER_BYTES || object.readUInt32LE(0) !== SKIPPED) throw new Error('it is no file of a log')
  const length = object.readUInt32LE(4)
  if (length > NOTE_BYTES_MAX) throw new Error('it is no file of a log')
  return noteSchema.parse(JSON.parse(object.toString('utf8', HEADER_BYTES, HEADER_BYTES + length)))
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
