import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import { connectControl } from '../control/control-client.ts'
import type { SystemSnapshot } from '../control/snapshot.ts'
import { stateDirectoryOf } from '../control/state-paths.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { hasCode, TenfoldError } from '../core/errors.ts'
import type { CommandInput, ExitCode } from './command.ts'
import { EXIT } from './command.ts'
import { partStates, progressLines, startingLine } from './start-progress.ts'
import { statusView } from './status-view.ts'

const POLL_MS = 200

/**
 * Starts the control plane as a process of its own, waits until the system runs, and leaves it running. Ctrl-C while
 * waiting stops it again.
 *
 * @throws TF_DETACHED_START_FAILED with what it said
 */
export async function startDetached(input: CommandInput, blueprint: ResolvedBlueprint): Promise<ExitCode> {
  const { terminal, options, signal } = input
  const directory = stateDirectoryOf(blueprint)
  const logs = join(directory, 'logs')
  mkdirSync(logs, { recursive: true, mode: 0o700 })
  const logFile = join(logs, 'control-plane.log')
  const log = openSync(logFile, 'w', 0o600)
  const args = process.argv.slice(2).filter((argument) => argument !== '--detach')
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let hasExited = false
  void exited.then(() => (hasExited = true))

  const control = connectControl(directory)
  let before: ReadonlyMap<string, string> | undefined
  for (;;) {
    const snapshot = await control.snapshot().catch((error: unknown) => {
      if (hasCode(error, 'TF_NOT_RUNNING') || hasCode(error, 'TF_CONTROL_UNREACHABLE')) return undefined
      throw error
    })
    if (hasExited) throw startFailed(logFile)
    if (signal.aborted) {
      child.kill('SIGTERM')
      await exited
      return EXIT.interrupted
    }
    // Somebody else's system may answer there: then ours ends by itself and says so.
    if (snapshot !== undefined && snapshot.pid === child.pid) {
      before = show(snapshot, before, input)
      if (snapshot.phase === 'running') {
        child.unref()
        terminal.progress('')
        terminal.out(options['json'] === true ? JSON.stringify(snapshot) : statusView(snapshot, terminal.style))
        return EXIT.success
      }
    }
    await sleep(systemClock, POLL_MS, signal).catch(() => undefined)
  }
}

function show(
  snapshot: SystemSnapshot,
  before: ReadonlyMap<string, string> | undefined,
  { terminal }: CommandInput,
): ReadonlyMap<string, string> {
  const now = partStates(snapshot)
  if (terminal.isInteractive) terminal.progress(startingLine(snapshot).slice(0, terminal.columns - 1))
  else for (const line of progressLines(before, now)) terminal.note(line)
  return now
}

function startFailed(logFile: string): TenfoldError {
  const said = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n')
  return new TenfoldError('TF_DETACHED_START_FAILED', `expected the system to start, but it said: ${said}`, {
    hint: `read ${logFile}`,
    details: { logFile },
  })
}
