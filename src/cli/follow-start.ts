import type { SnapshotStore } from '../control/snapshot-store.ts'
import { partStates, progressLines, startingLine } from './start-progress.ts'
import type { Terminal } from './terminal.ts'

/** Shows how a start goes on, until `signal`: one line rewritten in place for a person, a line a change for a log. */
export async function followStart(snapshots: SnapshotStore, terminal: Terminal, signal: AbortSignal): Promise<void> {
  let before: ReadonlyMap<string, string> | undefined
  for await (const snapshot of snapshots.watch(0, signal)) {
    if (terminal.isInteractive) {
      terminal.progress(startingLine(snapshot).slice(0, terminal.columns - 1))
      continue
    }
    const now = partStates(snapshot)
    for (const line of progressLines(before, now)) terminal.note(line)
    before = now
  }
  terminal.progress('')
}
