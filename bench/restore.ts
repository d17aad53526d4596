import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tableChecksums } from '../src/backups/check-data.ts'
import type { TableChecksum } from '../src/backups/check-data.ts'
import { keysOf } from '../src/backups/lineage.ts'
import type { BackupManifest } from '../src/backups/manifest.ts'
import { restore } from '../src/backups/restore.ts'
import { sleep, systemClock } from '../src/core/clock.ts'
import { syncFile } from '../src/core/durable-file.ts'
import { forEachBounded } from '../src/core/for-each-bounded.ts'
import type { Session } from '../src/sql/session.ts'
import { openSession } from '../src/sql/session.ts'
import type { Benchmark, BenchmarkContext, Figures } from './benchmark.ts'
import { median } from './benchmark.ts'
import type { RestoreRig } from './restore/rig.ts'
import { startRig } from './restore/rig.ts'

/** How much there is of what, and for how long it is written to. */
interface Size {
  readonly rows: number
  /** As fast as it goes: parts of the log are finished because they are full. */
  readonly busyMs: number
  /** A row now and then: they are finished because of their age, which is the worst for what would be lost. */
  readonly calmMs: number
  readonly rounds: number
}

const QUICK: Size = { rows: 200_000, busyMs: 4_000, calmMs: 9_000, rounds: 1 }
const FULL: Size = { rows: 2_000_000, busyMs: 20_000, calmMs: 35_000, rounds: 3 }
const BATCH = 500
const PAUSE_MS = 200
const FILES_AT_A_TIME = 4

export const benchmark: Benchmark = {
  name: 'restore',
  description: 'a database from its backup and archived log, against a raw fsynced copy of the same files',
  async run(context) {
    const size = context.isQuick ? QUICK : FULL
    const rig = await startRig()
    try {
      return { figures: await measure(rig, size, context), peers: [] }
    } finally {
      await rig.end()
    }
  },
}

async function measure(rig: RestoreRig, size: Size, context: BenchmarkContext): Promise<Figures> {
  const { log, signal } = context
  const session = await connect(rig.cluster.url())
  try {
    await session.query('create table entry (id bigint primary key, text text not null)')
    await session.query(
      `insert into entry select n, md5(n::text) || repeat('x', 200) from generate_series(1, $1::int) n`,
      [size.rows],
    )
    await rig.backups.start()
    const manifest = await rig.backups.take()
    log(`  backup of ${Math.round(manifest.sizeBytes / 1e6)} MB`)
    rig.forgetLag()
    await write(session, size, signal)
    const rpoMs = rig.lagMsMax()
    await rig.backups.flush(30_000)
    const truth = await tableChecksums(session)
    const trials: Figures[] = []
    for (let round = 0; round < size.rounds && !signal.aborted; round++) {
      const trial = await compare(rig, manifest, truth, signal)
      context.keep('restore', trial)
      trials.push(trial)
    }
    const of = (name: string): number => median(trials.map((trial) => trial[name]!))
    const [copyRatioToRaw, replayMBps, rtoMs] = [of('copyRatioToRaw'), of('replayMBps'), of('rtoMs')]
    const verified = Math.min(...trials.map((trial) => trial['verified']!))
    return { copyRatioToRaw, copyMBps: of('copyMBps'), rawMBps: of('rawMBps'), replayMBps, rpoMs, rtoMs, verified }
  } finally {
    await session.close()
  }
}

/** New rows and changed ones, one transaction after the other, and then only now and then. */
async function write(session: Session, { rows, busyMs, calmMs }: Size, signal: AbortSignal): Promise<void> {
  const startMs = systemClock.nowMs()
  let next = rows
  for (let elapsedMs = 0; elapsedMs < busyMs + calmMs; elapsedMs = systemClock.nowMs() - startMs) {
    signal.throwIfAborted()
    const isBusy = elapsedMs < busyMs
    const count = isBusy ? BATCH : 1
    await session.query(
      `insert into entry select $1::bigint + n, md5(n::text) || repeat('y', 200) from generate_series(1, $2::int) n`,
      [next, count],
    )
    next += count
    await session.query(`update entry set text = upper(text) where id = $1`, [(next % rows) + 1])
    if (!isBusy) await sleep(systemClock, PAUSE_MS, signal)
  }
}

/** One restore beside one raw copy. */
async function compare(
  rig: RestoreRig,
  manifest: BackupManifest,
  truth: Readonly<Record<string, TableChecksum>>,
  signal: AbortSignal,
): Promise<Figures> {
  const raw = join(rig.directory, 'raw')
  const restored = join(rig.directory, 'restored')
  const options = await rig.restoreOptions(restored, signal)
  const rawMs = await rawCopy(options.repository.where, manifest, raw)
  await rm(raw, { recursive: true })
  let isSame = false
  const outcome = await restore({
    ...options,
    async inspect(url) {
      const session = await connect(url)
      isSame = JSON.stringify(await tableChecksums(session)) === JSON.stringify(truth)
      await session.close()
    },
  })
  await rm(restored, { recursive: true })
  const { copyMs, totalMs, replay } = outcome
  return {
    copyRatioToRaw: rawMs / copyMs,
    copyMBps: manifest.sizeBytes / 1_000 / copyMs,
    rawMBps: manifest.sizeBytes / 1_000 / rawMs,
    replayMBps: replay.elapsedMs === 0 ? 0 : replay.bytes / 1_000 / replay.elapsedMs,
    rtoMs: totalMs,
    verified: isSame ? 1 : 0,
  }
}

/** As fast as Node copies files and puts each on the disk, with nothing compared. @returns milliseconds */
async function rawCopy(
  folder: string,
  { database, systemIdentifier, name, files }: BackupManifest,
  to: string,
): Promise<number> {
  const base = keysOf({ database, systemIdentifier }).base(name)
  const startMs = systemClock.nowMs()
  for (const directory of new Set(files.map(([path]) => dirname(path))))
    await mkdir(join(to, directory), { recursive: true })
  await forEachBounded(files, FILES_AT_A_TIME, async ([path]) => {
    await copyFile(join(folder, base.file(path)), join(to, path))
    await syncFile(join(to, path))
  })
  return systemClock.nowMs() - startMs
}

function connect(url: string): Promise<Session> {
  return openSession({ url, applicationName: 'tenfold bench', connectTimeoutMs: 5_000, statementTimeoutMs: 0 })
}
