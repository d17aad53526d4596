import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { realpath, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { ProcessIdentity } from '../core/process-identity.ts'
import { identifyProcess, isRunning, signalProcess } from '../core/process-identity.ts'
import { postmasterFileOf, readPostmasterFile } from './postmaster-file.ts'

const POLL_MS = 10
const run = promisify(execFile)

/**
 * Ends every server process that still works in a data directory: a postmaster whose control plane was killed, or back
 * ends whose postmaster was. A process that only has the pid that an old `postmaster.pid` names is left alone.
 *
 * @returns how many processes were ended
 * @throws TF_CLUSTER_START_FAILED when one can't be ended
 */
export async function endOrphanServers(dataDirectory: string, clock: Clock): Promise<number> {
  const orphans = await serversIn(dataDirectory)
  const file = await readPostmasterFile(dataDirectory)
  const postmaster = orphans.find(({ pid }) => pid === file?.pid)
  if (postmaster !== undefined) {
    // Fast shutdown, then immediate shutdown: both end the back ends too.
    for (const [signal, patienceMs] of [
      ['SIGINT', 10_000],
      ['SIGQUIT', 3_000],
    ] as const) {
      signalProcess(postmaster, signal)
      if (await areGone([postmaster], patienceMs, clock)) break
    }
  }
  // Back ends leave by themselves when their postmaster is gone, unless a long statement holds them.
  if (!(await areGone(orphans, postmaster === undefined ? 500 : 1_000, clock))) {
    for (const orphan of await serversIn(dataDirectory)) signalProcess(orphan, 'SIGKILL')
    if (!(await areGone(orphans, 5_000, clock))) throw stubborn(dataDirectory, orphans.filter(isRunning))
  }
  await removeForeignPostmasterFile(dataDirectory)
  return orphans.length
}

/** PostgreSQL refuses to start while the pid in the file is alive, also when it now belongs to somebody else. */
async function removeForeignPostmasterFile(dataDirectory: string): Promise<void> {
  const file = await readPostmasterFile(dataDirectory)
  if (file !== undefined && identifyProcess(file.pid) !== undefined) {
    await rm(postmasterFileOf(dataDirectory), { force: true })
  }
}

/**
 * The server processes that run in a data directory, which may be gone. Every process of a server changes into its data
 * directory and stays there; a shell in it is not a server. A zombie runs no more.
 */
export async function serversIn(dataDirectory: string): Promise<readonly ProcessIdentity[]> {
  // A directory that was removed keeps its name in /proc, with a mark.
  const wanted = await realpath(dataDirectory).catch(() => dataDirectory)
  const pids = process.platform === 'linux' ? pidsByProc(wanted) : await pidsByLsof(wanted)
  return pids.flatMap((pid) => identifyProcess(pid) ?? [])
}

/** At once: a failover waits for this, and a busy machine lets hundreds of turns of the event loop wait for each other. */
function pidsByProc(directory: string): readonly number[] {
  const found: number[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const cwd = readlinkSync(`/proc/${entry}/cwd`)
      if (cwd !== directory && cwd !== `${directory} (deleted)`) continue
      if (readFileSync(`/proc/${entry}/comm`, 'utf8').trim() === 'postgres') found.push(Number(entry))
    } catch (error) {
      // It ended meanwhile, or belongs to an account that can't be in a directory of ours. For want of a descriptor,
      // not seen is not gone.
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EMFILE' || code === 'ENFILE') throw error
    }
  }
  return found
}

/** macOS: lsof prints `p<pid>` and then `n<directory>` for each process. */
async function pidsByLsof(directory: string): Promise<readonly number[]> {
  const { stdout } = await run('lsof', ['-a', '-c', 'postgres', '-d', 'cwd', '-Fpn']).catch(() => ({ stdout: '' }))
  const found: number[] = []
  let pid = 0
  for (const line of stdout.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1))
    else if (line === `n${directory}`) found.push(pid)
  }
  return found
}

async function areGone(processes: readonly ProcessIdentity[], patienceMs: number, clock: Clock): Promise<boolean> {
  const deadlineMs = clock.nowMs() + patienceMs
  while (processes.some(isRunning)) {
    if (clock.nowMs() >= deadlineMs) return false
    await sleep(clock, POLL_MS)
  }
  return true
}

function stubborn(dataDirectory: string, left: readonly ProcessIdentity[]): TenfoldError {
  const pids = left.map(({ pid }) => pid)
  return new TenfoldError(
    'TF_CLUSTER_START_FAILED',
    `expected no server to run in ${dataDirectory}, but processes ${pids.join(', ')} do not end`,
    {
      hint: `look at them with "ps -fp ${pids.join(',')}"; a disk that hangs keeps processes from ending`,
      details: { pids },
    },
  )
}
