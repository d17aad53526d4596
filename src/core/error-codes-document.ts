import type { ErrorDescription } from './error-codes.ts'
import { ERROR_CODES } from './error-codes.ts'

/** The text of `docs/errors.md`, generated from the table of codes. */
export function errorCodesDocument(): string {
  const descriptions: Readonly<Record<string, ErrorDescription>> = ERROR_CODES
  const rows = Object.entries(descriptions).map(
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
