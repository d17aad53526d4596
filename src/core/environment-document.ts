import type { EnvironmentVariable } from './environment-variables.ts'
import { INSTANCE_VARIABLES, INTERNAL_VARIABLES, READ_VARIABLES } from './environment-variables.ts'

/** The text of `docs/reference/environment.md`, generated from the table of variables. */
export function environmentDocument(): string {
  return [
    '# Environment variables',
    '',
    'This page is generated (`npm run docs`).',
    '',
    '## What you may set for tenfold',
    '',
    "Set them where you start `tenfold`. Secrets (`env: { KEY: { secret: 'NAME' } }`) and the addresses of servers that",
    "already run (`url: { env: 'NAME' }`) are read there too, by the names that your blueprint gives them.",
    '',
    '| variable | without it | meaning | example |',
    '|---|---|---|---|',
    ...READ_VARIABLES.map((variable) => `| \`${variable.name}\` | ${variable.byDefault ?? ''} | ${row(variable)}`),
    '',
    '## What an instance finds',
    '',
    'The environment of an instance is made for it; nothing else of the terminal that started Tenfold gets there. What',
    '`env` of its service says is added last and wins; it may not name `PORT`, `HOST` or anything that begins with',
    '`TENFOLD_`.',
    '',
    '| variable | meaning | example |',
    '|---|---|---|',
    ...INSTANCE_VARIABLES.map((variable) => `| \`${variable.name}\` | ${row(variable)}`),
    '',
    '## Not for you',
    '',
    'Our own processes tell each other things in these; they may change with any version:',
    `${INTERNAL_VARIABLES.map((name) => `\`${name}\``).join(', ')}.`,
    '',
  ].join('\n')
}

function row({ meaning, example }: EnvironmentVariable): string {
  return `${meaning} | \`${example}\` |`
}
