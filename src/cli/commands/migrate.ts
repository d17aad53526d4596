import { relative } from 'node:path'
import { didYouMean } from '../../core/did-you-mean.ts'
import { TenfoldError } from '../../core/errors.ts'
import { formatTable } from '../../core/table.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'
import { followWhile } from '../follow-while.ts'

const TIMEOUT_MS = 24 * 3_600_000

/** `tenfold migrate`: apply migrations that are new to the databases of the running system. */
export const migrate: Command = {
  name: 'migrate',
  summary: 'apply new migrations to the databases of a running system',
  description:
    'Applies the files that a database has not had yet, in the order of their names, each in a transaction of its own; a\n' +
    'database on several shards one shard after the other. The first failure ends it: what is done stays done, and the\n' +
    'next run goes on from there. No statement waits for a lock longer than 3 s, because everybody who comes after it\n' +
    'would wait too: the file is then tried again, six times in all. "up" and "apply" do the same before services start.',
  argument: {
    name: 'DATABASE…',
    description: 'those that are meant',
    default: 'all',
    isList: true,
  },
  options: { ...SYSTEM_OPTION, 'dry-run': { type: 'boolean', description: 'only list the files, by shard' } },
  examples: [
    ['npx tenfold migrate --dry-run', 'what is new?'],
    ['npx tenfold migrate', 'apply it'],
    ['npx tenfold migrate orders', 'to one database, with all its shards'],
  ],
  async run(input) {
    const { options, terminal, signal } = input
    const system = options['system']
    const { control, blueprint } = await namedSystem({ ...input, argument: typeof system === 'string' ? system : '.' })
    const isDryRun = options['dry-run'] === true
    const names = input.names.length === 0 ? Object.keys(blueprint.databases) : input.names
    for (const name of names) requireKnown(name, Object.keys(blueprint.databases))
    const outcomes: Outcome[] = []
    for (const name of names) {
      const command = control.command<readonly Outcome[]>(
        'migrate',
        { name, isDryRun },
        { signal, timeoutMs: TIMEOUT_MS },
      )
      outcomes.push(...(isDryRun ? await command : await followWhile(command, control, terminal, signal)))
    }
    if (options['json'] === true) terminal.out(JSON.stringify(outcomes))
    else terminal.out(view(outcomes, blueprint.directory, isDryRun))
    return EXIT.success
  },
}

/** Of a database, or of a shard. */
interface Outcome {
  readonly name: string
  /** Paths of what would be applied. */
  readonly pending?: readonly string[]
  /** How many files were applied. */
  readonly files?: number
}

function requireKnown(name: string, known: readonly string[]): void {
  if (known.includes(name)) return
  const meant = didYouMean(name, known)
  throw new TenfoldError(
    'TF_USAGE',
    `expected a database of the blueprint (${known.join(', ') || 'there is none'}), got ${JSON.stringify(name)}`,
    { hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?` },
  )
}

function view(outcomes: readonly Outcome[], directory: string, isDryRun: boolean): string {
  const hasNews = outcomes.some(({ files = 0, pending = [] }) => files + pending.length > 0)
  if (!hasNews) return 'No migration is new.'
  const rows = outcomes.map(({ name, files = 0, pending = [] }) => [
    name,
    isDryRun
      ? pending.map((file) => relative(directory, file)).join(', ') || 'nothing new'
      : files === 0
        ? 'nothing new'
        : `${files} applied`,
  ])
  return formatTable(rows, '  ')
}
