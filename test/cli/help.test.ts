import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/cli/command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../../src/cli/command.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { commandHelp, overview } from '../../src/cli/help.ts'
import { parseCommandLine } from '../../src/cli/parse-command-line.ts'

const bake: Command = {
  name: 'bake',
  summary: 'bake what the blueprint describes',
  description: 'Bakes bread until Ctrl-C.\nThe oven stays warm.',
  argument: BLUEPRINT_ARGUMENT,
  options: {
    degrees: { type: 'string', value: 'NUMBER', description: 'how hot (default: 220)' },
    steam: { type: 'boolean', description: 'let steam in' },
  },
  examples: [['npx tenfold bake', 'the bread of this directory']],
  run: async () => EXIT.success,
}

test('help of one command', async () => {
  await expect(`${commandHelp(bake)}\n`).toMatchFileSnapshot('golden/command-help.txt')
})

test('overview of all commands', async () => {
  await expect(`${overview([bake, { ...bake, name: 'cool' }])}\n`).toMatchFileSnapshot('golden/overview.txt')
})

describe.each(COMMANDS.map((command) => [command.name, command] as const))('%s', (_name, command) => {
  test('has an example, and each is a command line that it understands', () => {
    expect(command.examples.length).toBeGreaterThan(0)
    for (const [line] of command.examples) {
      const words = [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word)
      expect(parseCommandLine(words.slice(words.indexOf('tenfold') + 1), COMMANDS), line).toMatchObject({ kind: 'run' })
    }
  })

  test('is described in lines that fit, and summed up in one without a full stop', () => {
    expect(command.summary).not.toMatch(/\n|\.$/)
    for (const line of commandHelp(command).split('\n')) expect(line.length, line).toBeLessThanOrEqual(120)
  })
})
