import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import { connectControl } from '../../control/control-client.ts'
import { stateDirectoryOf } from '../../control/state-paths.ts'
import { systemClock } from '../../core/clock.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { formatDuration } from '../../core/duration.ts'
import { TenfoldError } from '../../core/errors.ts'
import { freshSeed, uniqueId } from '../../core/random.ts'
import type { Drill } from '../../drills/drill.ts'
import { drillView } from '../../drills/drill-view.ts'
import { DRILLS } from '../../drills/drills.ts'
import { runDrill } from '../../drills/run-drill.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import type { Command, CommandInput, ExitCode } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import { positive, wholeNumber } from '../option-values.ts'

/** Share of the peak at which users come during a drill. */
const USERS_SHARE = 0.5

/** `tenfold drill`: a rehearsed disaster on a running system. */
export const drill: Command = {
  name: 'drill',
  summary: 'make a disaster happen to a running system, and judge how it comes back',
  description:
    DRILLS.map(({ name, summary }) => `${name.padEnd(14)}${summary}\n`).join('') +
    'Clients write and users come while it happens. Afterwards every acknowledged write is looked for, and the\n' +
    "recovery time and point are held against the blueprint's targets (recovery of the database). Exit status 0 only\n" +
    'when they are met and the system is as whole as before.',
  argument: { name: 'DRILL', description: 'one of the drills above' },
  value: BLUEPRINT_ARGUMENT,
  options: {
    database: {
      type: 'string',
      value: 'NAME',
      description: 'which one it happens to (default: the first it can happen to)',
    },
    times: {
      type: 'string',
      value: 'N',
      description: "users come at this share of the blueprint's peak (default: 0.5)",
    },
    seed: { type: 'string', value: 'NUMBER', description: 'repeat the users of an earlier drill exactly' },
  },
  examples: [
    ['npx tenfold drill failover', 'the primary dies'],
    ['npx tenfold drill zone-loss --database orders', 'everything beside its primary dies as well'],
  ],
  async run(input) {
    const drill = namedDrill(input.argument)
    const blueprint = await namedBlueprint({ ...input, argument: input.value })
    return hold(drill, blueprint, input)
  },
}

async function hold(held: Drill, blueprint: ResolvedBlueprint, input: CommandInput): Promise<ExitCode> {
  const { terminal, options, signal } = input
  const control = connectControl(stateDirectoryOf(blueprint))
  const report = await runDrill({
    drill: held,
    blueprint,
    database: typeof options['database'] === 'string' ? options['database'] : undefined,
    control,
    id: uniqueId().replaceAll('-', '_'),
    times: typeof options['times'] === 'string' ? positive('--times', options['times']) : USERS_SHARE,
    seed: typeof options['seed'] === 'string' ? wholeNumber('--seed', options['seed']) : freshSeed(),
    onEvent: ({ afterMs, text }) => terminal.note(terminal.style('dim', `+${formatDuration(afterMs)}  ${text}`)),
    signal,
    clock: systemClock,
  })
  terminal.out(options['json'] === true ? JSON.stringify(report) : drillView(report, terminal.style))
  return report.state === 'passed' ? EXIT.success : EXIT.failure
}

function namedDrill(name: string): Drill {
  const found = DRILLS.find((each) => each.name === name)
  if (found !== undefined) return found
  const known = DRILLS.map((each) => each.name)
  const meant = didYouMean(name, known)
  throw new TenfoldError('TF_USAGE', `expected a drill (${known.join(', ')}), got ${JSON.stringify(name)}`, {
    hint: meant === undefined ? 'run "tenfold drill --help"' : `did you mean ${meant}?`,
  })
}
