import { createHash } from 'node:crypto'
import { z } from 'zod'
import { messageOf } from '../core/errors.ts'
import { damaged } from './wal-object.ts'

/** What a base backup consists of. It is written last: a backup without it does not exist. */
export interface BackupManifest {
  readonly layout: 1
  /** `20261122T231959Z`: when it was begun, UTC. */
  readonly name: string
  readonly database: string
  readonly systemIdentifier: string
  readonly postgresVersion: string
  readonly tenfoldVersion: string
  readonly startedEpochMs: number
  readonly endedEpochMs: number
  readonly startLsn: string
  readonly stopLsn: string
  readonly timeline: number
  /** Content of `backup_label`. */
  readonly backupLabel: string
  /** Parents first. */
  readonly directories: readonly string[]
  readonly files: readonly ManifestFile[]
  /** Of all files. */
  readonly sizeBytes: number
}

/** A file of the data directory: path, bytes, SHA-256. */
export type ManifestFile = readonly [path: string, sizeBytes: number, sha256: string]

const relativePath = z
  .string()
  .regex(/^[^/]/)
  .refine((path) => !path.split('/').includes('..'), 'a path inside the data directory')

const manifestSchema: z.ZodType<BackupManifest> = z.object({
  layout: z.literal(1),
  name: z.string().regex(/^[\w-]{1,80}$/),
  database: z.string(),
  systemIdentifier: z.string().regex(/^\d+$/),
  postgresVersion: z.string(),
  tenfoldVersion: z.string(),
  startedEpochMs: z.number(),
  endedEpochMs: z.number(),
  startLsn: z.string(),
  stopLsn: z.string(),
  timeline: z.number().int().positive(),
  backupLabel: z.string(),
  directories: z.array(relativePath),
  files: z.array(z.tuple([relativePath, z.number().int().min(0), z.string().regex(/^[0-9a-f]{64}$/)])),
  sizeBytes: z.number(),
})

/** The manifest as an object: its own checksum, then itself. */
export function writeManifest(manifest: BackupManifest): Buffer {
  const body = JSON.stringify(manifest)
  return Buffer.from(`${checksum(body)}\n${body}\n`)
}

/** @throws TF_BACKUP_DAMAGED when it is not what was written, or of another version */
export function readManifest(key: string, object: Buffer): BackupManifest {
  const [sum = '', body = ''] = object.toString('utf8').split('\n')
  if (checksum(body) !== sum) throw damaged(key, 'the checksum differs')
  try {
    return manifestSchema.parse(JSON.parse(body))
  } catch (cause) {
    throw damaged(key, messageOf(cause), cause)
  }
}

/** The name of a backup that begins now. @example backupName(0) // '19700101T000000Z' */
export function backupName(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]|\.\d+/g, '')
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}
