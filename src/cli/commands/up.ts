import type { SystemSnapshot } from '../../control/snapshot.ts'
import { createSystem } from '../../runtime/system.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import type { Command, CommandInput, ExitCode } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import { statusView } from '../status-view.ts'

/** `tenfold up`: run the system. */
export const up: Command = {
  name: 'up',
  summary: 'run a system on this machine until Ctrl-C',
  description:
    'Starts databases, gateway and services as the blueprint describes them and keeps them running. Data of an\n' +
    'earlier run is found as it was left. Ctrl-C stops everything in order; a second Ctrl-C at once.',
  argument: BLUEPRINT_ARGUMENT,
  options: {
    ephemeral: { type: 'boolean', description: 'take everything down also when this process is killed' },
  },
  examples: [['npx tenfold up', 'the system of this directory']],
  async run(input) {
    return runSystem(input)
  },
}

async function runSystem(input: CommandInput): Promise<ExitCode> {
  const { terminal, options, signal } = input
  const blueprint = await namedBlueprint(input)
  const system = createSystem({ blueprint, isEphemeral: options['ephemeral'] === true })
  try {
    await system.start(signal)
    terminal.out(statusView(system.snapshots.current(), terminal.style))
    await aborted(AbortSignal.any([signal, system.stopRequested]))
    terminal.note('stopping …')
  } finally {
    await system.stop()
  }
  return EXIT.success
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

export function progressText(snapshot: SystemSnapshot): string {
  return snapshot.phase
}
