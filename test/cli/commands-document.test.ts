import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { commandsDocument } from '../../src/cli/commands-document.ts'
import { ROOT } from '../tidy/source-files.ts'

test('docs/reference/commands.md is up to date: run "npm run docs"', () => {
  expect(readFileSync(join(ROOT, 'docs/reference/commands.md'), 'utf8')).toBe(commandsDocument(COMMANDS))
})

test('names every command, and each of its options', () => {
  const page = commandsDocument(COMMANDS)
  for (const { name, options } of COMMANDS) {
    const section = page.split(`## tenfold ${name}\n`)[1]?.split('\n## ')[0] ?? ''
    for (const option of Object.keys(options)) expect(section, name).toContain(`\`--${option}`)
  }
})
