import { hasCode, messageOf, TenfoldError } from '../core/errors.ts'
import type { ExitCode } from './command.ts'
import { EXIT } from './command.ts'
import { COMMANDS } from './commands.ts'
import { commandHelp, overview } from './help.ts'
import { processInterruption } from './interruption.ts'
import { parseCommandLine } from './parse-command-line.ts'
import { packageVersion } from '../core/package-version.ts'
import type { Terminal } from './terminal.ts'
import { processTerminal } from './terminal.ts'

const interruption = processInterruption()
const terminal = processTerminal({ onReaderGone: () => interruption.interrupt() })
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
        return await line.command.run({ ...line, terminal, signal: interruption.signal, hurry: interruption.hurry })
    }
  } catch (error) {
    report(error, isJson, terminal)
    if (interruption.signal.aborted && hasCode(error, 'TF_ABORTED')) return EXIT.interrupted
    return error instanceof TenfoldError && error.code === 'TF_USAGE' ? EXIT.usage : EXIT.failure
  }
}

function report(error: unknown, isJson: boolean, { note, out, style }: Terminal): void {
  if (!(error instanceof TenfoldError)) {
    if (isJson) out(JSON.stringify({ error: { code: 'TF_INTERNAL', message: messageOf(error), details: {} } }))
    // Not one of ours: a defect. The stack says where.
    note(`${style('red', 'tenfold:')} ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`)
    return
  }
  if (isJson) out(JSON.stringify({ error }))
  note(`${style('red', 'tenfold:')} ${error.message} ${style('dim', `[${error.code}]`)}`)
  if (error.hint !== undefined) note(`  ${style('bold', 'Next:')} ${error.hint}`)
}
