import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { copyBase } from '../../src/backups/copy-base.ts'
import { keysOf } from '../../src/backups/lineage.ts'
import type { BackupManifest } from '../../src/backups/manifest.ts'
import { systemClock } from '../../src/core/clock.ts'
import { syncFile } from '../../src/core/durable-file.ts'
import { forEachBounded } from '../../src/core/for-each-bounded.ts'
import type { Figures } from '../benchmark.ts'
import type { RestoreRig } from './rig.ts'

const FILES_AT_A_TIME = 4
const run = promisify(execFile)

/**
 * Copies a backup as a restore does, compared and durable, and as fast as Node copies files and puts each on the disk:
 * one after the other, in turns the first, with the disk idle before either, into the same directories.
 */
export async function compareCopies(
  rig: RestoreRig,
  manifest: BackupManifest,
  round: number,
  signal: AbortSignal,
): Promise<Figures> {
  const directory = join(rig.directory, `copies ${round}`)
  await mkdir(directory, { mode: 0o711 })
  const [ours, raw] = [join(directory, 'ours'), join(directory, 'raw')]
  const options = { ...(await rig.restoreOptions(ours, signal)), logFile: join(directory, 'sync.log') }
  const copies = {
    copy: () => copyBase(options, manifest, ours),
    raw: () => rawCopy(options.repository.where, manifest, raw),
  }
  const took = { copy: 0, raw: 0 }
  const order = ['copy', 'raw'] as const
  for (const name of round % 2 === 0 ? order : order.toReversed()) {
    await run('sync')
    const startMs = systemClock.nowMs()
    await copies[name]()
    took[name] = systemClock.nowMs() - startMs
  }
  for (const copy of [ours, raw]) await emptyFiles(copy)
  const mbps = (ms: number): number => manifest.sizeBytes / 1_000 / ms
  return { copyRatioToRaw: took.raw / took.copy, copyMBps: mbps(took.copy), rawMBps: mbps(took.raw) }
}

async function rawCopy(folder: string, manifest: BackupManifest, to: string): Promise<void> {
  const base = keysOf(manifest).base(manifest.name)
  for (const directory of ['', ...manifest.directories]) await mkdir(join(to, directory))
  await forEachBounded(manifest.files, FILES_AT_A_TIME, async ([path]) => {
    await copyFile(join(folder, base.file(path)), join(to, path))
    await syncFile(join(to, path))
  })
}

/**
 * Frees the room of a copy, but leaves its files until the end: ext4 keeps away from the numbers of removed ones for
 * minutes, and looks for others so long that whoever comes next takes twice the time.
 */
async function emptyFiles(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await truncate(join(entry.parentPath, entry.name))
  }
}
