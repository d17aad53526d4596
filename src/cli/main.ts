import { messageOf, TenfoldError } from '../core/errors.ts'
import type { ExitCode } from './command.ts'
import { EXIT } from './command.ts'
import { COMMANDS } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { parseCommandLine } from './parse-command-line.ts'
import { packageVersion } from './package-version.ts'
import type { Terminal } from './terminal.ts'
import { processTerminal } from './terminal.ts'

const terminal = processTerminal()
process.exitCode = await main(process.argv.slice(2))
// Whatever a command left open (an idle keep-alive socket) must not keep a finished command from ending.
process.exit()

async function main(argv: readonly string[]): Promise<ExitCode> {
  const isJson = argv.includes('--json')
  try {
    const line = parseCommandLine(argv, COMMANDS)
    switch (line.kind) {
      case 'overview':
        terminal.out(overview(COMMANDS))
        return EXIT.success
      case 'version':
        terminal.out(packageVersion())
        return EXIT.success
      case 'help':
        terminal.out(commandHelp(line.command))
        return EXIT.success
      case 'run':
        return await line.command.run({ ...line, terminal, signal: interruption() })
    }
  } catch (error) {
    report(error, isJson, terminal)
    return error instanceof TenfoldError && error.code === 'TF_USAGE' ? EXIT.usage : EXIT.failure
  }
}

/** Aborted by the first Ctrl-C or SIGTERM, or when the launcher is gone; the second signal ends the process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    controller.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  if (process.channel) process.once('disconnect', interrupt)
  return controller.signal
}

function report(error: unknown, isJson: boolean, { note, out, style }: Terminal): void {
  if (!(error instanceof TenfoldError)) {
    // Not one of ours: a defect. The stack says where.
    note(`${style('red', 'tenfold:')} ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`)
    return
  }
  if (isJson) out(JSON.stringify({ error }))
  note(`${style('red', 'tenfold:')} ${error.message} ${style('dim', `[${error.code}]`)}`)
  if (error.hint !== undefined) note(`  ${style('bold', 'Next:')} ${error.hint}`)
}
