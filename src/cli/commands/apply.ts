import type { BlueprintChange } from '../../blueprint/diff.ts'
import type { ControlClient } from '../../control/control-client.ts'
import { formatTable } from '../../core/table.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command, CommandInput } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import { followWhile } from '../follow-while.ts'
import type { Terminal } from '../terminal.ts'

/** `tenfold apply`: take an edited blueprint, and edited sources, over into the running system. */
export const apply: Command = {
  name: 'apply',
  summary: 'take edits of the blueprint and the sources over into a running system',
  description:
    'Lists what is different, then carries it out without a failed request: migrations first, then new services, then\n' +
    'instances are replaced one after the other, then routes change, then what is gone leaves. When new instances do\n' +
    'not become ready, what ran before goes on. What would leave data behind is refused before anything happens.',
  argument: BLUEPRINT_ARGUMENT,
  options: { 'dry-run': { type: 'boolean', description: 'only list what is different' } },
  examples: [
    ['npx tenfold apply --dry-run', 'what would change?'],
    ['npx tenfold apply', 'change it'],
  ],
  async run(input) {
    const { control, blueprint } = await namedSystem(input)
    const { terminal, options, signal } = input
    const isJson = options['json'] === true
    const isDryRun = options['dry-run'] === true
    const { plan, changes } = await control.command<Plan>('plan', {}, { signal })
    const isRefused = changes.some(({ effect }) => effect === 'refused')
    if (!isJson) terminal.out(changesView(blueprint.name, changes, terminal.style))
    if (isDryRun) {
      if (isJson) terminal.out(JSON.stringify({ applied: false, changes }))
      return isRefused ? EXIT.failure : EXIT.success
    }
    // Refused by the system itself too, with what to run instead.
    const applied = changes.length === 0 ? changes : await carryOut(plan, control, input)
    if (isJson) terminal.out(JSON.stringify({ applied: applied.length > 0, changes: applied }))
    else if (changes.length > 0) terminal.out(outcome(applied))
    return EXIT.success
  },
}

interface Plan {
  readonly plan: string
  readonly changes: readonly BlueprintChange[]
}

async function carryOut(
  plan: string,
  control: ControlClient,
  { terminal, signal }: CommandInput,
): Promise<readonly BlueprintChange[]> {
  const applying = control.command<{ changes: readonly BlueprintChange[] }>('apply', { plan }, { signal })
  return (await followWhile(applying, control, terminal, signal)).changes
}

const MARKS = { added: '+', removed: '-', changed: '~' } as const
const COLOURS = { live: 'green', rollout: 'cyan', restart: 'yellow', refused: 'red' } as const

/** What is different, a line for each change. */
export function changesView(system: string, changes: readonly BlueprintChange[], style: Terminal['style']): string {
  if (changes.length === 0) return `${system} runs what the blueprint and the sources say: nothing to apply.`
  const rows = changes.map(({ kind, path, effect, meaning, command }) => [
    `${MARKS[kind]} ${path}`,
    style(COLOURS[effect], effect),
    command === undefined ? meaning : `${meaning} (${command})`,
  ])
  const heading = ['change', 'effect', ''].map((text) => style('dim', text))
  return formatTable([heading, ...rows], '  ')
}

function outcome(changes: readonly BlueprintChange[]): string {
  const waiting = changes.filter(({ effect }) => effect === 'restart').length
  if (changes.length === 0) return 'Nothing was left to apply.'
  if (waiting === changes.length) return 'Nothing could be applied now.'
  return waiting === 0 ? 'Applied.' : `Applied, but for ${waiting} that wait${waiting === 1 ? 's' : ''} for a restart.`
}
