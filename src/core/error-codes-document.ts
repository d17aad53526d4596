import { ERROR_CODES } from './error-codes.ts'

/** The text of `docs/errors.md`, generated from the table of codes. */
export function errorCodesDocument(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { meaning, remedy }]) => `| \`${code}\` | ${meaning} | ${remedy} |`,
  )
  return [
    '# Errors',
    '',
    'Every error of Tenfold carries a stable code; match by it. The message says what was expected and what was found,',
    'and the hint behind it names the next step. This page is generated (`npm run docs`).',
    '',
    '| code | meaning | what to do |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
