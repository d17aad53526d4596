import { relative } from 'node:path'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { System } from '../runtime/system.ts'
import type { WatchOutcome } from '../runtime/watch.ts'
import type { Terminal } from './terminal.ts'

/** Takes every save over into a running system and says what came of it, until the signal. */
export async function watchSources(system: System, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const following = followNotices(system, terminal, signal)
  await system.watch((outcome) => show(outcome, terminal), signal)
  await following
}

/** What a person should know from now on: where a debugger finds the new instance, a crash loop. */
async function followNotices({ snapshots }: System, { note, style }: Terminal, signal: AbortSignal): Promise<void> {
  const said = new Set(snapshots.current().notices.map(({ message }) => message))
  for await (const { notices } of snapshots.watch(snapshots.current().version, signal)) {
    for (const { level, message } of notices) {
      if (said.has(message)) continue
      said.add(message)
      note(`${style(level === 'info' ? 'dim' : 'yellow', level === 'info' ? 'i' : '!')} ${message}`)
    }
  }
}

const FILES_SHOWN = 3

function show(outcome: WatchOutcome, { note, progress, style }: Terminal): void {
  switch (outcome.kind) {
    case 'changing': {
      const names = outcome.files.map((file) => relative(process.cwd(), file))
      const more = names.length > FILES_SHOWN ? ` and ${names.length - FILES_SHOWN} more` : ''
      return progress(style('dim', `${names.slice(0, FILES_SHOWN).join(', ')}${more} saved …`))
    }
    case 'changed':
      progress('')
      if (outcome.what.length === 0) return
      return note(`${style('green', '↻')} ${outcome.what.join(', ')} in ${Math.round(outcome.durationMs)} ms`)
    case 'failed': {
      const { error } = outcome
      progress('')
      const code = error instanceof TenfoldError ? ` ${style('dim', `[${error.code}]`)}` : ''
      note(`${style('red', '✗')} ${messageOf(error)}${code}`)
      return note(style('dim', '  what ran before goes on'))
    }
  }
}
