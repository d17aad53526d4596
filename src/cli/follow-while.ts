import type { ControlClient } from '../control/control-client.ts'
import { partStates, progressLines } from './start-progress.ts'
import type { Terminal } from './terminal.ts'

/** Shows how the parts of a running system change while a command of it is carried out. */
export async function followWhile<Result>(
  command: Promise<Result>,
  control: ControlClient,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Result> {
  const ended = new AbortController()
  const following = follow(control, terminal, AbortSignal.any([ended.signal, signal]))
  try {
    return await command
  } finally {
    ended.abort()
    await following
  }
}

/** Shows how instances and databases change, until `signal`. */
async function follow(control: ControlClient, terminal: Terminal, signal: AbortSignal): Promise<void> {
  let before: ReadonlyMap<string, string> | undefined
  try {
    for await (const snapshot of control.watch(signal)) {
      const now = partStates(snapshot)
      const lines = before === undefined ? [] : progressLines(before, now)
      if (terminal.isInteractive) terminal.progress(lines.join('  ').slice(0, terminal.columns - 1))
      else for (const line of lines) terminal.note(line)
      before = now
    }
  } catch {
    // Only the show ends; the command itself says what is wrong.
  }
  terminal.progress('')
}
