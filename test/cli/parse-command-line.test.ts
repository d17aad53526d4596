import { expect, test } from 'vitest'
import type { Command } from '../../src/cli/command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../../src/cli/command.ts'
import { parseCommandLine } from '../../src/cli/parse-command-line.ts'

const status: Command = {
  name: 'status',
  summary: 'show what runs',
  description: '',
  argument: BLUEPRINT_ARGUMENT,
  options: { watch: { type: 'boolean', description: '' }, seed: { type: 'string', value: 'N', description: '' } },
  examples: [],
  run: async () => EXIT.success,
}
const scale: Command = {
  ...status,
  name: 'scale',
  argument: { name: 'SERVICE', description: '' },
  value: { name: 'N', description: '' },
}
const parse = (...argv: string[]): ReturnType<typeof parseCommandLine> => parseCommandLine(argv, [status, scale])

test('reads the argument and the options in any order', () => {
  expect(parse('status', '--watch', 'systems/x', '--seed=3')).toMatchObject({
    kind: 'run',
    argument: 'systems/x',
    options: { watch: true, seed: '3' },
  })
})

test('reads a second argument where there is one', () => {
  expect(parse('scale', 'api', '--watch', '3')).toMatchObject({ argument: 'api', value: '3', options: { watch: true } })
  expect(parse('status')).toMatchObject({ value: '' })
})

test('takes the default of the argument', () => {
  expect(parse('status')).toMatchObject({ argument: '.' })
})

test.each([[[]], [['--help']], [['help']]])('%j shows the overview', (argv) => {
  expect(parseCommandLine(argv, [status]).kind).toBe('overview')
})

test('shows help also when the rest is incomplete', () => {
  expect(parse('status', '-h').kind).toBe('help')
})

test.each([
  [['statsu'], 'did you mean status?'],
  [['status', '--wacth'], 'did you mean --watch?'],
  [['status', 'a', 'b'], 'expected one BLUEPRINT, got a b'],
  [['status', '--seed'], 'seed'],
  [['status', '--json=yes'], '--json'],
  [['status', '--seed', '-1'], "'--seed' argument is ambiguous"],
  [['scale'], 'expected scale SERVICE, got no SERVICE'],
  [['scale', 'api'], 'expected scale api N, got no N'],
  [['scale', 'api', '3', '4'], 'expected one N, got 3 4'],
])('refuses %j and says %j', (argv, message) => {
  expect(() => parse(...argv)).toThrow(
    expect.objectContaining({ code: 'TF_USAGE', message: expect.stringContaining(message) }),
  )
})
