import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { ProcessIdentity } from '../core/process-identity.ts'
import { isRunning, signalProcess } from '../core/process-identity.ts'
import { serversIn } from './orphan-servers.ts'
import { readPostmasterFile } from './postmaster-file.ts'

const LOOK_MS = 5

/**
 * Kills every process that works in a data directory, stopped ones too, and looks until none is left: nobody writes
 * there any more, and nobody acknowledges anything.
 *
 * @returns who is left after `boundMs`: empty when all are seen dead. A disk that hangs keeps processes from ending.
 */
export async function fence(dataDirectory: string, boundMs: number, clock: Clock): Promise<readonly number[]> {
  const deadlineMs = clock.nowMs() + boundMs
  for (;;) {
    const left = await serversIn(dataDirectory)
    if (left.length === 0) return []
    // The postmaster first, so that nobody starts new ones; those that it started meanwhile are found by the next look.
    const file = await readPostmasterFile(dataDirectory)
    for (const server of [...left].toSorted((a, b) => Number(b.pid === file?.pid) - Number(a.pid === file?.pid))) {
      signalProcess(server, 'SIGKILL')
    }
    await untilGone(left, deadlineMs, clock)
    if (clock.nowMs() >= deadlineMs) return (await serversIn(dataDirectory)).map(({ pid }) => pid)
  }
}

async function untilGone(left: readonly ProcessIdentity[], deadlineMs: number, clock: Clock): Promise<void> {
  while (left.some(isRunning) && clock.nowMs() < deadlineMs) await sleep(clock, LOOK_MS)
}
