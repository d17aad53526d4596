import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { tableChecksums } from '../src/backups/check-data.ts'
import type { TableChecksum } from '../src/backups/check-data.ts'
import { restore } from '../src/backups/restore.ts'
import { sleep, systemClock } from '../src/core/clock.ts'
import type { Session } from '../src/sql/session.ts'
import { openSession } from '../src/sql/session.ts'
import type { Benchmark, BenchmarkContext, Figures } from './benchmark.ts'
import { median } from './benchmark.ts'
import { compareCopies } from './restore/compare-copies.ts'
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
  /** The copy takes little of the time of a restore: it is compared more often. */
  readonly copyRounds: number
}

const QUICK: Size = { rows: 200_000, busyMs: 4_000, calmMs: 9_000, rounds: 1, copyRounds: 3 }
const FULL: Size = { rows: 2_000_000, busyMs: 20_000, calmMs: 35_000, rounds: 3, copyRounds: 7 }
const BATCH = 500
const PAUSE_MS = 200

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
    const trialsOf = async (
      variant: string,
      rounds: number,
      trial: (round: number) => Promise<Figures>,
    ): Promise<readonly Figures[]> => {
      const trials: Figures[] = []
      for (let round = 0; round < rounds && !signal.aborted; round++) {
        const figures = await trial(round)
        context.keep(variant, figures)
        trials.push(figures)
      }
      return trials
    }
    const copies = await trialsOf('copy', size.copyRounds, (round) => compareCopies(rig, manifest, round, signal))
    const restores = await trialsOf('restore', size.rounds, () => restoreOnce(rig, truth, signal))
    const verified = Math.min(...restores.map((trial) => trial['verified']!))
    return { ...mediansOf(copies), ...mediansOf(restores), rpoMs, verified }
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

function mediansOf(trials: readonly Figures[]): Figures {
  const names = Object.keys(trials[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, median(trials.map((trial) => trial[name]!))]))
}

async function restoreOnce(
  rig: RestoreRig,
  truth: Readonly<Record<string, TableChecksum>>,
  signal: AbortSignal,
): Promise<Figures> {
  const restored = join(rig.directory, 'restored')
  let isSame = false
  const { totalMs, replay } = await restore({
    ...(await rig.restoreOptions(restored, signal)),
    async inspect(url) {
      const session = await connect(url)
      isSame = JSON.stringify(await tableChecksums(session)) === JSON.stringify(truth)
      await session.close()
    },
  })
  await rm(restored, { recursive: true })
  const replayMBps = replay.elapsedMs === 0 ? 0 : replay.bytes / 1_000 / replay.elapsedMs
  return { replayMBps, rtoMs: totalMs, verified: isSame ? 1 : 0 }
}

function connect(url: string): Promise<Session> {
  return openSession({ url, applicationName: 'tenfold bench', connectTimeoutMs: 5_000, statementTimeoutMs: 0 })
}
