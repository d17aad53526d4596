import type { Command } from './command.ts'
import { COMMON_OPTIONS, EXIT } from './command.ts'

/** The text of `tenfold --help`. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    'Carries a back end from one machine to ten times its peak, and proves it before the customers arrive.',
    '',
    'Usage: tenfold COMMAND [BLUEPRINT] [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'tenfold COMMAND --help tells more about one; tenfold --version prints the version.',
  ].join('\n')
}

/** The text of `tenfold COMMAND --help`. */
export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(
    ([name, { short, value, description }]) =>
      [
        `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
        description,
      ] as const,
  )
  const { argument, value: second, rest } = command
  return [
    `Usage: ${commandUsage(command)}`,
    '',
    command.description,
    '',
    ...columns([
      describedArgument(argument),
      ...(second === undefined ? [] : [describedArgument(second)]),
      ...(rest === undefined ? [] : [[rest.name, rest.description] as const]),
      ...options,
    ]),
    '',
    'Examples:',
    ...columns(command.examples),
    '',
    `Exit status: ${EXIT.success} done, ${EXIT.failure} failed, ${EXIT.usage} wrong command line, ${EXIT.interrupted} interrupted.`,
  ].join('\n')
}

function describedArgument(argument: NonNullable<Command['value']>): readonly [string, string] {
  const { name, description, default: byDefault } = argument
  return [name, byDefault === undefined ? description : `${description} (default: ${byDefault})`]
}

/** How a command is typed: `tenfold run SERVICE [options] -- COMMAND…`. */
export function commandUsage({ name, argument, value, rest }: Command): string {
  const places = [argument, ...(value === undefined ? [] : [value])].map((place) =>
    place.default === undefined ? place.name : `[${place.name}]`,
  )
  return `tenfold ${name} ${places.join(' ')} [options]${rest === undefined ? '' : ` -- ${rest.name}`}`
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
