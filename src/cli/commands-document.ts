import type { Command, CommandOption } from './command.ts'
import { COMMON_OPTIONS, EXIT } from './command.ts'
import { commandUsage } from './help.ts'

/** The text of `docs/reference/commands.md`, generated from the table of commands. */
export function commandsDocument(commands: readonly Command[]): string {
  return [
    '# Commands',
    '',
    'What `tenfold COMMAND --help` says, on one page. This page is generated (`npm run docs`).',
    '',
    '| command | |',
    '|---|---|',
    ...commands.map(({ name, summary }) => `| [\`${name}\`](#tenfold-${name}) | ${cell(summary)} |`),
    '',
    'Every command has these options:',
    '',
    '| option | meaning |',
    '|---|---|',
    ...optionRows(COMMON_OPTIONS),
    '',
    `The exit status is ${EXIT.success} when it is done, ${EXIT.failure} when it failed or the answer is no, ${EXIT.usage} when the command line was wrong and nothing`,
    `was done, and ${EXIT.interrupted} when Ctrl-C or SIGTERM ended it. With \`--json\` an error is an object too: \`{ "error": { "code", "message",`,
    '"hint", "details" } }`, on the standard output; [the codes](../errors.md) stay the same from version to version.',
    '',
    ...commands.flatMap(section),
  ].join('\n')
}

function section(command: Command): readonly string[] {
  const { name, description, argument, value, rest, options, examples } = command
  return [
    `## tenfold ${name}`,
    '',
    '```text',
    commandUsage(command),
    '```',
    '',
    ...paragraphs(description),
    '',
    '| | meaning |',
    '|---|---|',
    `| \`${argument.name}\` | ${cell(argument.description)}${argument.default === undefined ? '' : `; \`${argument.default}\` if left out`} |`,
    ...(value === undefined ? [] : [`| \`${cell(value.name)}\` | ${cell(value.description)} |`]),
    ...(rest === undefined ? [] : [`| \`${rest.name}\` | ${cell(rest.description)} |`]),
    ...optionRows(options),
    '',
    ...examples.flatMap(([line, meaning]) => [`- \`${line}\`: ${meaning}`]),
    '',
  ]
}

function optionRows(options: Readonly<Record<string, CommandOption>>): readonly string[] {
  return Object.entries(options).map(([name, { short, value, description }]) => {
    const letter = short === undefined ? '' : `\`-${short}\`, `
    return `| ${letter}\`--${name}${value === undefined ? '' : ` ${value}`}\` | ${cell(description)} |`
  })
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** Running text as it is; lines with columns, which wide spaces make, as they stand. */
function paragraphs(description: string): readonly string[] {
  const blocks: { readonly isTable: boolean; readonly lines: string[] }[] = []
  for (const line of description.split('\n')) {
    const isTable = /\S {2,}\S/.test(line)
    if (blocks.at(-1)?.isTable === isTable) blocks.at(-1)!.lines.push(line.trimEnd())
    else blocks.push({ isTable, lines: [line.trimEnd()] })
  }
  return blocks.flatMap(({ isTable, lines }, at) => [
    ...(at === 0 ? [] : ['']),
    ...(isTable ? ['```text', ...lines, '```'] : [lines.join(' ')]),
  ])
}
