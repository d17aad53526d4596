import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { isRunning, signalProcess } from '../../../src/core/process-identity.ts'
import type { ProcessRow } from '../../../src/core/process-identity.ts'
import { environmentOf, readProcessTable, RUN_VARIABLE } from '../../../src/core/process-table.ts'

/** The little a shell needs. */
export const PATH_ENV = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }

/** A directory with a space in its name and a run token, both for one test; what the test leaves running is ended. */
export function testRun(): { directory: string; runToken: string; recordFile: string; outputFile: string } {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold core '))
  const runToken = `test-${uniqueId()}`
  cleanups.push(() => {
    for (const row of processesOf(runToken)) signalProcess(row, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    runToken,
    recordFile: join(directory, 'children.json'),
    outputFile: join(directory, 'output.log'),
  }
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** Whoever carries the token and really runs. */
export function processesOf(runToken: string): readonly ProcessRow[] {
  return readProcessTable().filter((row) => isRunning(row) && environmentOf(row.pid, RUN_VARIABLE) === runToken)
}

/** Waits for something that other processes bring about. */
export async function eventually(what: string, isTrue: () => boolean, timeoutMs = 15_000): Promise<void> {
  const endMs = systemClock.nowMs() + timeoutMs
  while (!isTrue()) {
    if (systemClock.nowMs() > endMs) throw new Error(`expected ${what} within ${timeoutMs} ms`)
    await sleep(systemClock, 20)
  }
}

/** The text of a file; empty when there is none yet. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
