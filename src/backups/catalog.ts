import { z } from 'zod'
import { TenfoldError } from '../core/errors.ts'
import type { Lineage } from './lineage.ts'
import { keysOf, walNameOf } from './lineage.ts'
import type { BackupManifest } from './manifest.ts'
import { readManifest } from './manifest.ts'
import type { BackupRepository } from './repository.ts'
import type { Fork } from './wal-names.ts'
import { parseHistory, parseHistoryName } from './wal-names.ts'
import { unpackWal } from './wal-object.ts'

/** A point that somebody has named, to come back to. */
export interface NamedPoint {
  readonly name: string
  readonly lsn: string
  readonly timeline: number
  readonly epochMs: number
}

/** What a repository holds of one lineage. */
export interface Catalog {
  readonly lineage: Lineage
  /** In the order in which they were taken. */
  readonly backups: readonly BackupManifest[]
  /** Backups that can't be read, and why. */
  readonly damaged: readonly { readonly name: string; readonly reason: unknown }[]
  /** Names of copies that were never finished, or are being made. */
  readonly unfinished: readonly string[]
  /** Names of the files of the log. */
  readonly wal: ReadonlySet<string>
  /** How each timeline but the first came to be. */
  readonly histories: ReadonlyMap<number, readonly Fork[]>
  readonly points: readonly NamedPoint[]
}

const pointSchema: z.ZodType<NamedPoint> = z.object({
  name: z.string(),
  lsn: z.string(),
  timeline: z.number(),
  epochMs: z.number(),
})

/** Reads what there is of a lineage: every manifest and history, and the names of the rest. */
export async function readCatalog(repository: BackupRepository, lineage: Lineage): Promise<Catalog> {
  const keys = keysOf(lineage)
  const wal = new Set((await repository.list(keys.wal)).map(({ key }) => walNameOf(key)))
  const backups: BackupManifest[] = []
  const damaged: { name: string; reason: unknown }[] = []
  const unfinished: string[] = []
  for (const name of await repository.names(keys.bases)) {
    const { manifest: key } = keys.base(name)
    const object = await repository.read(key)
    if (object === undefined) {
      unfinished.push(name)
      continue
    }
    try {
      backups.push(readManifest(key, object))
    } catch (reason) {
      damaged.push({ name, reason })
    }
  }
  const histories = new Map<number, readonly Fork[]>()
  for (const name of wal) {
    const timeline = parseHistoryName(name)
    if (timeline === undefined) continue
    const key = keys.walObject(name)
    const { content } = await unpackWal(key, (await repository.read(key)) ?? Buffer.alloc(0))
    histories.set(timeline, parseHistory(content.toString('utf8')))
  }
  const points: NamedPoint[] = []
  for (const { key } of await repository.list(keys.points)) {
    const object = await repository.read(key)
    if (object !== undefined) points.push(pointSchema.parse(JSON.parse(object.toString('utf8'))))
  }
  backups.sort((a, b) => a.startedEpochMs - b.startedEpochMs)
  return { lineage, backups, damaged, unfinished, wal, histories, points }
}

/** Keeps a named point. @throws TF_USAGE when there is one of this name */
export async function writePoint(repository: BackupRepository, lineage: Lineage, point: NamedPoint): Promise<void> {
  const written = await repository.write(keysOf(lineage).point(point.name), Buffer.from(`${JSON.stringify(point)}\n`))
  if (written === 'written') return
  throw new TenfoldError('TF_USAGE', `expected a name that no point of ${lineage.database} has, got ${point.name}`, {
    hint: 'choose another name',
  })
}
