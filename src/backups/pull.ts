import { chmod, link, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { messageOf, hasCode } from '../core/errors.ts'
import { syncDirectory } from '../core/durable-file.ts'
import { forEachBounded } from '../core/for-each-bounded.ts'
import { uniqueId } from '../core/random.ts'
import { applyRetention } from './apply-retention.ts'
import { readCatalog } from './catalog.ts'
import type { Lineage } from './lineage.ts'
import { keysOf, listLineages, MARK, MARK_KEY, walNameOf } from './lineage.ts'
import type { BackupManifest } from './manifest.ts'
import { readManifest } from './manifest.ts'
import type { PullAlarm } from './pull-alarms.ts'
import { findAlarms } from './pull-alarms.ts'
import type { BackupRepository } from './repository.ts'
import { folderRepository } from './repositories/folder.ts'
import type { Keep } from './retention.ts'
import { damaged, unpackWal } from './wal-object.ts'

/** @see pull */
export interface PullOptions {
  readonly from: BackupRepository
  /** A folder that whoever writes to `from` can't write to. */
  readonly to: string
  /** Its own retention. @default everything stays */
  readonly keep?: Keep | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined
}

/** What a pull did. */
export interface PullReport {
  readonly copiedObjects: number
  readonly copiedBytes: number
  /** Names of backups that its own retention has removed. */
  readonly removed: readonly string[]
  /** What is wrong with the source. Nothing of it was taken, and nothing removed. */
  readonly alarms: readonly PullAlarm[]
}

const FILES_AT_A_TIME = 4

/**
 * Copies what is new in a repository into a folder, and compares each object with what was noted when it was written:
 * what was overwritten or encrypted is refused. What the copy has stays as it is, whatever becomes of the source; only
 * its own retention removes, and only when nothing is wrong with the source.
 *
 * @throws what the repositories throw; TF_ABORTED
 */
export async function pull(options: PullOptions): Promise<PullReport> {
  const { from, clock, keep } = options
  const copy = folderRepository(options.to)
  const alarms: PullAlarm[] = []
  const removed: string[] = []
  let copiedObjects = 0
  let copiedBytes = 0
  const count = (bytes: number): void => {
    copiedObjects++
    copiedBytes += bytes
  }
  const sources = await listLineages(from)
  for (const lineage of unique([...sources, ...(await listLineages(copy))])) {
    const before = alarms.length
    alarms.push(...(await findAlarms(from, copy, lineage)))
    await copy.write(MARK_KEY, Buffer.from(MARK))
    await pullLog(options, copy, lineage, alarms, count)
    await pullBases(options, copy, lineage, alarms, count)
    if (keep === undefined || alarms.length > before) continue
    const plan = await applyRetention({ repository: copy, lineage, keep, clock })
    removed.push(...plan.backups.map(({ name }) => name))
  }
  return { copiedObjects, copiedBytes, removed, alarms }
}

type Count = (bytes: number) => void

/** Files of the log, and named points. */
async function pullLog(
  { from, signal }: PullOptions,
  copy: BackupRepository,
  lineage: Lineage,
  alarms: PullAlarm[],
  count: Count,
): Promise<void> {
  const keys = keysOf(lineage)
  for (const prefix of [keys.wal, keys.points]) {
    const there = new Set((await copy.list(prefix)).map(({ key }) => key))
    for (const { key } of await from.list(prefix)) {
      signal.throwIfAborted()
      if (there.has(key)) continue
      try {
        const object = (await from.read(key)) ?? Buffer.alloc(0)
        if (prefix === keys.points) JSON.parse(object.toString('utf8'))
        else await requireWal(key, object)
        await copy.write(key, object)
        count(object.length)
      } catch (error) {
        refuse(key, error, alarms)
      }
    }
  }
}

async function requireWal(key: string, object: Buffer): Promise<void> {
  const { name } = await unpackWal(key, object)
  if (name !== walNameOf(key)) throw damaged(key, `it is ${name}`)
}

/** Base backups that the copy does not have, the manifest of each last. */
async function pullBases(
  options: PullOptions,
  copy: BackupRepository,
  lineage: Lineage,
  alarms: PullAlarm[],
  count: Count,
): Promise<void> {
  const { from } = options
  const keys = keysOf(lineage)
  const { backups } = await readCatalog(copy, lineage)
  const there = new Set(backups.map(({ name }) => name))
  for (const name of await from.names(keys.bases)) {
    const { manifest: key } = keys.base(name)
    const object = there.has(name) ? undefined : await from.read(key)
    // One that is being taken.
    if (object === undefined) continue
    try {
      await pullBase(options, lineage, readManifest(key, object), count)
      await copy.write(key, object)
    } catch (error) {
      refuse(key, error, alarms)
    }
  }
}

async function pullBase(options: PullOptions, lineage: Lineage, manifest: BackupManifest, count: Count): Promise<void> {
  const { from, to, signal } = options
  const base = keysOf(lineage).base(manifest.name)
  const directories = new Set<string>()
  let doneBytes = 0
  await forEachBounded(manifest.files, FILES_AT_A_TIME, async ([path, sizeBytes, sha256]) => {
    const key = base.file(path)
    const target = join(to, key)
    const aside = `${target}.${uniqueId()}.tmp`
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    directories.add(dirname(target))
    try {
      const moved = await from.readFile(key, aside, { signal })
      if (moved === undefined) throw damaged(key, 'it is gone')
      if (moved.sizeBytes !== sizeBytes || moved.sha256 !== sha256) throw damaged(key, 'the checksum differs')
      // What an interrupted pull has left was compared then, too.
      await rm(target, { force: true })
      await link(aside, target)
    } finally {
      await rm(aside, { force: true })
    }
    count(sizeBytes)
    options.onProgress?.((doneBytes += sizeBytes), manifest.sizeBytes)
  })
  await settle(to, directories)
}

/** Each directory, and those above it up to the folder. */
async function settle(folder: string, directories: ReadonlySet<string>): Promise<void> {
  const all = new Set<string>()
  for (const directory of directories) {
    for (let at = directory; at.length >= folder.length && !all.has(at); at = dirname(at)) all.add(at)
  }
  for (const directory of all) {
    await chmod(directory, 0o700)
    await syncDirectory(directory)
  }
}

/** What is damaged is told; anything else, a full disk say, ends the pull. */
function refuse(key: string, error: unknown, alarms: PullAlarm[]): void {
  const isDamaged = hasCode(error, 'TF_BACKUP_DAMAGED') || error instanceof SyntaxError
  if (!isDamaged) throw error
  alarms.push({ key, message: messageOf(error) })
}

function unique(lineages: readonly Lineage[]): readonly Lineage[] {
  return [...new Map(lineages.map((lineage) => [keysOf(lineage).prefix, lineage])).values()]
}
