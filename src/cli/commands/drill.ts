import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import { connectControl } from '../../control/control-client.ts'
import { stateDirectoryOf } from '../../control/state-paths.ts'
import { systemClock } from '../../core/clock.ts'
import { formatDuration } from '../../core/duration.ts'
import { freshSeed, uniqueId } from '../../core/random.ts'
import type { Drill } from '../../drills/drill.ts'
import { drillView } from '../../drills/drill-view.ts'
import { drillNamed, DRILLS } from '../../drills/drills.ts'
import type { DrillEvent } from '../../drills/drill-report.ts'
import { runDrill } from '../../drills/run-drill.ts'
import type { RestoreBeside, RestoreDrill } from '../../drills/run-restore-drill.ts'
import { RESTORE_DRILLS, runRestoreDrill } from '../../drills/run-restore-drill.ts'
import { restoreBeside } from '../backup/restore-beside.ts'
import { requireDatabase } from '../backup/restore-place.ts'
import { reportOf, reportView } from '../backup/run-restore.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import type { Command, CommandInput, ExitCode } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import { positive, wholeNumber } from '../option-values.ts'

/** Share of the peak at which users come during a drill. */
const USERS_SHARE = 0.5

const ALL: readonly (Drill | RestoreDrill)[] = [...DRILLS, ...RESTORE_DRILLS]

/** `tenfold drill`: a rehearsed disaster on a running system. */
export const drill: Command = {
  name: 'drill',
  summary: 'make a disaster happen to a running system, and judge how it comes back',
  description:
    ALL.map(({ name, summary }) => `${name.padEnd(14)}${summary}\n`).join('') +
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
    from: { type: 'string', value: 'FOLDER', description: 'of restore and region: a folder with backups' },
    times: {
      type: 'string',
      value: 'N',
      description: "users come at this share of the blueprint's peak (default: 0.5)",
    },
    seed: { type: 'string', value: 'NUMBER', description: 'repeat the users of an earlier drill exactly' },
  },
  examples: [
    ['npx tenfold drill failover', 'the primary dies'],
    ['npx tenfold drill restore', 'could it be restored to just before a mistake?'],
    ['npx tenfold drill zone-loss --database orders', 'everything beside its primary dies as well'],
  ],
  async run(input) {
    const drill = drillNamed(input.argument, ALL)
    const blueprint = await namedBlueprint({ ...input, argument: input.value })
    return hold(drill, blueprint, input)
  },
}

async function hold(held: Drill | RestoreDrill, blueprint: ResolvedBlueprint, input: CommandInput): Promise<ExitCode> {
  const { terminal, options, signal } = input
  const common = {
    blueprint,
    database: typeof options['database'] === 'string' ? options['database'] : undefined,
    control: connectControl(stateDirectoryOf(blueprint)),
    id: uniqueId().replaceAll('-', '_'),
    times: typeof options['times'] === 'string' ? positive('--times', options['times']) : USERS_SHARE,
    seed: typeof options['seed'] === 'string' ? wholeNumber('--seed', options['seed']) : freshSeed(),
    onEvent: ({ afterMs, text }: DrillEvent) =>
      terminal.note(terminal.style('dim', `+${formatDuration(afterMs)}  ${text}`)),
    signal,
    clock: systemClock,
  }
  const report =
    'strike' in held
      ? await runDrill(held, common)
      : await runRestoreDrill(held, { ...common, restore: restoring(input, blueprint) })
  terminal.out(options['json'] === true ? JSON.stringify(report) : drillView(report, terminal.style))
  return report.state === 'passed' ? EXIT.success : EXIT.failure
}

function restoring(input: CommandInput, blueprint: ResolvedBlueprint): RestoreBeside {
  return async (name, target, inspect) => {
    const restored = await restoreBeside(input, blueprint, requireDatabase(blueprint, name), target, inspect)
    const { lastCommit } = restored.replay
    return {
      said: reportView(reportOf(name, restored))
        .split('\n')
        .map((line) => line.trim()),
      asOfEpochMs: lastCommit === undefined ? restored.backup.endedEpochMs : epochMsOf(lastCommit),
    }
  }
}

/** Of a time as PostgreSQL writes it: `2026-11-22 23:19:00.1+00`. */
function epochMsOf(text: string): number {
  return Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
}
