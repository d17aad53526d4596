import { createInterface } from 'node:readline'
import type { ConsoleSession } from '../../sql/console-session.ts'
import type { Terminal } from '../terminal.ts'
import { readBackslash } from './backslash.ts'
import { runStatements } from './run-statements.ts'
import { createStatementBuffer } from './statement-buffer.ts'

/** What a console talks to. */
export interface ConsoleSettings {
  readonly session: ConsoleSession
  /** Stands in the prompt. */
  readonly database: string
  readonly terminal: Terminal
  readonly isJson: boolean
  readonly signal: AbortSignal
}

const HISTORY_MAX = 500

/**
 * Reads statements from a person, runs them, and shows the results, until `\q`, Ctrl-D or the signal. A statement that
 * fails does not end it. Ctrl-C cancels the statement that runs, otherwise it forgets what has been written.
 *
 * @throws TF_CONNECTION_LOST
 */
export async function runConsole({ session, database, terminal, isJson, signal }: ConsoleSettings): Promise<void> {
  const buffer = createStatementBuffer()
  const lines = createInterface({ input: process.stdin, output: process.stdout, historySize: HISTORY_MAX })
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>()
  // Lines that are pasted while a statement runs wait for it.
  let working: Promise<void> = Promise.resolve()
  let running = 0
  let isOver = false

  function prompt(): void {
    if (isOver) return
    lines.setPrompt(`${database}${buffer.isOpen ? '->' : '=>'} `)
    lines.prompt()
  }

  function leave(): void {
    isOver = true
    end()
  }

  async function take(line: string): Promise<void> {
    const backslash = buffer.isOpen ? undefined : readBackslash(line)
    if (backslash?.kind === 'quit') return leave()
    if (backslash?.kind === 'text') terminal.out(backslash.text)
    const statements = backslash?.kind === 'statement' ? [backslash.text] : backslash ? [] : buffer.take(line)
    await runStatements(session, statements, { terminal, isJson })
  }

  lines.on('line', (line) => {
    running++
    working = working.then(() => take(line)).then(() => (--running === 0 ? prompt() : undefined), fail)
  })
  lines.on('SIGINT', () => {
    if (running > 0) return void session.cancel()
    buffer.clear()
    process.stdout.write('\n')
    prompt()
  })
  lines.on('close', () => void working.then(leave))
  signal.addEventListener('abort', leave, { once: true })
  prompt()
  try {
    await ended
  } finally {
    lines.close()
    process.stdin.pause()
  }
}
