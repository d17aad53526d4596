import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import { connectControl } from '../../control/control-client.ts'
import { stateDirectoryOf } from '../../control/state-paths.ts'
import { portOf } from '../../core/port-of.ts'
import { systemClock } from '../../core/clock.ts'
import { hasCode, TenfoldError } from '../../core/errors.ts'
import type { Check, Result } from '../../doctor/check.ts'
import { runChecks } from '../../doctor/check.ts'
import { blueprintChecks } from '../../doctor/checks/blueprint.ts'
import { directoryChecks } from '../../doctor/checks/directory.ts'
import { MACHINE_CHECKS } from '../../doctor/checks/machine.ts'
import { machineProbes } from '../../doctor/machine-probes.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import type { Command, CommandInput } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import type { Terminal } from '../terminal.ts'

/** `tenfold doctor`: would it work here? */
export const doctor: Command = {
  name: 'doctor',
  summary: 'look at the machine, and say what would not work and why',
  description:
    'Looks at what a system needs: Node, account, limits, PostgreSQL, ports, disk, clock, and, where there is a\n' +
    'blueprint, its servers, programs and secrets. Starts nothing and changes nothing. Fails when there is a problem.',
  argument: BLUEPRINT_ARGUMENT,
  options: {},
  examples: [
    ['npx tenfold doctor', 'this machine, for the blueprint of this directory if there is one'],
    ['npx tenfold doctor --json', 'the same for programs'],
  ],
  async run(input) {
    const { terminal, options, argument } = input
    const found = await blueprintOrWhyNot(input)
    const blueprint = found instanceof TenfoldError ? undefined : found
    const directory = blueprint?.directory ?? nearestDirectory(resolve(argument))
    const probes = machineProbes({
      clock: systemClock,
      environment: process.env,
      runningGatewayPort: () => gatewayPortOf(blueprint),
    })
    const checks: readonly Check[] = [
      ...MACHINE_CHECKS,
      ...directoryChecks(directory),
      ...(found instanceof TenfoldError ? [wrongBlueprint(found)] : []),
      ...blueprintChecks(blueprint),
    ]
    const results = await runChecks(checks, probes, systemClock)
    const isWell = results.every(({ verdict }) => verdict !== 'problem')
    if (options['json'] === true) terminal.out(JSON.stringify({ isWell, checks: results }))
    else terminal.out(view(results, terminal.style))
    return isWell ? EXIT.success : EXIT.failure
  },
}

/** No blueprint in this directory is nothing to complain about: then the machine is looked at. */
async function blueprintOrWhyNot(input: CommandInput): Promise<ResolvedBlueprint | TenfoldError | undefined> {
  const isNamed = input.argument !== '.' || input.options['config'] !== undefined
  try {
    return await namedBlueprint(input)
  } catch (error) {
    if (hasCode(error, 'TF_BLUEPRINT_MISSING') && !isNamed) return undefined
    if (error instanceof TenfoldError && error.code.startsWith('TF_BLUEPRINT_')) return error
    throw error
  }
}

function wrongBlueprint(error: TenfoldError): Check {
  return {
    name: 'blueprint',
    why: 'It says what the machine has to have.',
    run: async () => ({
      verdict: 'problem',
      found: error.message.split('\n', 1)[0] as string,
      todo: 'run "npx tenfold check", which tells all of it',
    }),
  }
}

async function gatewayPortOf(blueprint: ResolvedBlueprint | undefined): Promise<number | undefined> {
  if (blueprint === undefined) return undefined
  try {
    const { gateway } = await connectControl(stateDirectoryOf(blueprint)).snapshot()
    return gateway.url === undefined ? undefined : portOf(gateway.url)
  } catch {
    // Nothing runs, which is how it mostly is; what is wrong with a run that does not answer, "status" says.
    return undefined
  }
}

function nearestDirectory(path: string): string {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return isDirectory || dirname(path) === path ? path : nearestDirectory(dirname(path))
}

const MARKS = { ok: ['green', '✓'], warning: ['yellow', '!'], problem: ['red', '✗'] } as const

function view(results: readonly Result[], style: Terminal['style']): string {
  const width = Math.max(...results.map(({ name }) => name.length))
  const lines = results.flatMap(({ name, verdict, found, why, todo }) => {
    const [colour, mark] = MARKS[verdict]
    const more = verdict === 'ok' ? [] : [why, ...(todo === undefined ? [] : [`→ ${todo}`])]
    return [
      `${style(colour, mark)} ${name.padEnd(width)}  ${found}`,
      ...more.map((line) => style('dim', `  ${''.padEnd(width)}  ${line}`)),
    ]
  })
  const count = (verdict: Result['verdict']): number => results.filter((result) => result.verdict === verdict).length
  const counts = `${count('ok')} ok, ${count('warning')} to know, ${count('problem')} to solve`
  return [...lines, '', counts].join('\n')
}
