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
  const isNeeded = argument.default === undefined
  return [
    `Usage: ${commandUsage(command)}`,
    '',
    command.description,
    '',
    ...columns([
      [argument.name, isNeeded ? argument.description : `${argument.description} (default: ${argument.default})`],
      ...(second === undefined ? [] : [[second.name, second.description] as const]),
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

/** How a command is typed: `tenfold run SERVICE [options] -- COMMAND…`. */
export function commandUsage({ name, argument, value, rest }: Command): string {
  const needed = argument.default === undefined ? argument.name : `[${argument.name}]`
  const second = value === undefined ? '' : ` ${value.name}`
  return `tenfold ${name} ${needed}${second} [options]${rest === undefined ? '' : ` -- ${rest.name}`}`
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
