import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { shardName } from '../../blueprint/clusters-of.ts'
import { splitStatements } from '../../clusters/sql-statements.ts'
import { messageOf, TenfoldError } from '../../core/errors.ts'
import type { ConsoleSession } from '../../sql/console-session.ts'
import { openConsole } from '../../sql/console-session.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command, CommandInput, ExitCode } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'
import { runConsole } from '../sql/console.ts'
import { runStatements } from '../sql/run-statements.ts'

/** `tenfold sql`: talk to a database of the running system. */
export const sql: Command = {
  name: 'sql',
  summary: 'run SQL on a database of a running system',
  description:
    'Connects as the owner of the database. Without -c and --file it reads statements from the terminal (\\? tells how),\n' +
    'or from its input when that is no terminal. Each statement is a transaction of its own unless you write BEGIN.\n' +
    'Outside the terminal the first statement that fails ends it, with exit status 1. Ctrl-C cancels what runs.',
  argument: { name: 'DATABASE', description: 'the name that the blueprint gives it; of a shard also orders-2' },
  options: {
    ...SYSTEM_OPTION,
    command: { type: 'string', short: 'c', value: 'SQL', description: 'run this; several statements are fine' },
    file: { type: 'string', value: 'FILE', description: 'run the statements of a file' },
    shard: { type: 'string', value: 'NUMBER', description: 'of a sharded database: which shard, counted from 0' },
  },
  examples: [
    ['npx tenfold sql orders', 'type statements'],
    ['npx tenfold sql orders --shard 2', 'the same on one shard'],
    ["npx tenfold sql orders -c 'select count(*) from orders'", 'one statement'],
    ["npx tenfold sql orders --json -c 'table orders'", 'a JSON object a statement, values as JSON'],
  ],
  async run(input) {
    const { argument: database, options, terminal, signal } = input
    const { system } = options
    const shard = wholeNumber(options['shard'])
    const script = await scriptOf(options)
    const { control } = await namedSystem({ ...input, argument: typeof system === 'string' ? system : '.' })
    const { url } = await control.command<{ url: string }>('database', { name: database, ...shard }, { signal })
    const isJson = options['json'] === true
    const session = await openConsole({
      url,
      rowsMax: isJson ? ROWS_MAX_JSON : ROWS_MAX,
      isText: !isJson,
      onNotice: (notice) => terminal.note(notice),
    })
    try {
      if (script === undefined && process.stdin.isTTY) {
        await runConsole({ session, database: consoleName(database, shard), terminal, isJson, signal })
        return EXIT.success
      }
      return await runScript(session, script ?? (await text(process.stdin)), input)
    } finally {
      await session.close()
    }
  },
}

const ROWS_MAX = 1_000
const ROWS_MAX_JSON = 100_000

function wholeNumber(shard: string | boolean | undefined): { shard?: number } {
  if (typeof shard !== 'string') return {}
  if (/^\d{1,4}$/.test(shard)) return { shard: Number(shard) }
  throw new TenfoldError('TF_USAGE', `expected --shard to be a whole number, got ${JSON.stringify(shard)}`, {
    hint: 'count from 0, as "tenfold status" does',
  })
}

/** Stands in the prompt. */
function consoleName(database: string, { shard }: { shard?: number }): string {
  return shard === undefined ? database : shardName(database, shard)
}

/** Undefined: whatever comes in. */
async function scriptOf({ command, file }: CommandInput['options']): Promise<string | undefined> {
  if (typeof command === 'string' && typeof file === 'string') {
    throw new TenfoldError('TF_USAGE', 'expected -c or --file, got both', { hint: 'leave one of them out' })
  }
  if (typeof command === 'string') return command
  if (typeof file !== 'string') return undefined
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TenfoldError('TF_USAGE', `expected to read ${file}, got: ${messageOf(cause)}`, {
      hint: 'name a file with SQL statements',
      cause,
    })
  })
}

async function runScript(session: ConsoleSession, script: string, input: CommandInput): Promise<ExitCode> {
  const { signal, terminal, options } = input
  const onAbort = (): void => void session.cancel()
  signal.addEventListener('abort', onAbort, { once: true })
  const statements = splitStatements(script).map((statement) => statement.text)
  try {
    const isDone = await runStatements(session, statements, { terminal, isJson: options['json'] === true })
    if (signal.aborted) return EXIT.interrupted
    return isDone ? EXIT.success : EXIT.failure
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
