import { parseArgs } from 'node:util'
import { didYouMean } from '../core/did-you-mean.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { Command } from './command.ts'
import { COMMON_OPTIONS } from './command.ts'

/** What a person typed, understood. */
export type CommandLine =
  | { readonly kind: 'overview' | 'version' }
  | { readonly kind: 'help'; readonly command: Command }
  | {
      readonly kind: 'run'
      readonly command: Command
      readonly argument: string
      readonly names: readonly string[]
      readonly value: string
      readonly options: Readonly<Record<string, string | boolean | undefined>>
      readonly rest: readonly string[]
    }

/**
 * Understands `argv` (without the program's name).
 *
 * @throws TF_USAGE with a hint that names the nearest command or option
 */
export function parseCommandLine(argv: readonly string[], commands: readonly Command[]): CommandLine {
  const [first, ...rest] = argv
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') return { kind: 'overview' }
  if (first === '--version' || first === '-v') return { kind: 'version' }
  const command = commands.find(({ name }) => name === first)
  if (command === undefined) throw unknownCommand(first, commands)

  const end = rest.indexOf('--')
  const passedOn = end === -1 ? [] : rest.slice(end + 1)
  const { values, positionals } = parseOptions(command, end === -1 ? rest : rest.slice(0, end))
  if (values['help'] === true) return { kind: 'help', command }
  const { name, default: byDefault, isList = false } = command.argument
  if (positionals.length > 1 && !isList && command.value === undefined)
    throw usage(`expected one ${name}, got ${positionals.join(' ')}`, command)
  const argument = positionals[0] ?? byDefault
  if (argument === undefined) throw usage(`expected ${command.name} ${name}, got no ${name}`, command)
  if (end !== -1 && command.rest === undefined)
    throw usage(`expected nothing after --, got ${passedOn.join(' ')}`, command)
  const value = valueOf(command, positionals)
  return { kind: 'run', command, argument, names: positionals, value, options: values, rest: passedOn }
}

function valueOf(command: Command, [first, second, ...more]: readonly string[]): string {
  if (command.value === undefined) return ''
  const { name, default: byDefault } = command.value
  const value = second ?? byDefault
  if (value === undefined) throw usage(`expected ${command.name} ${first} ${name}, got no ${name}`, command)
  if (more.length > 0) throw usage(`expected one ${name}, got ${[second, ...more].join(' ')}`, command)
  return value
}

function parseOptions(
  command: Command,
  args: readonly string[],
): { values: Record<string, string | boolean | undefined>; positionals: string[] } {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(([name, { type, short }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }) },
    ]),
  )
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    const unknown = /Unknown option '--?([^']+)'/.exec(messageOf(error))?.[1]
    if (unknown === undefined) throw usage(messageOf(error).replace(/\.\s.*/s, ''), command)
    const meant = didYouMean(unknown, Object.keys(options))
    throw usage(
      `${command.name} has no option --${unknown}${meant === undefined ? '' : `, did you mean --${meant}?`}`,
      command,
    )
  }
}

function unknownCommand(name: string, commands: readonly Command[]): TenfoldError {
  const names = commands.map((command) => command.name)
  const meant = didYouMean(name, names)
  return new TenfoldError(
    'TF_USAGE',
    `expected a command (${names.join(', ')}), got ${JSON.stringify(name)}${meant === undefined ? '' : `, did you mean ${meant}?`}`,
    { hint: 'run "tenfold --help" for the commands' },
  )
}

function usage(message: string, command: Command): TenfoldError {
  return new TenfoldError('TF_USAGE', message, { hint: `run "tenfold ${command.name} --help"` })
}
