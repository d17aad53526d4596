import type { ControlClient } from '../../control/control-client.ts'
import { openStateDirectory } from '../../control/state-directory.ts'
import { findChildUser } from '../../core/child-user.ts'
import { systemClock } from '../../core/clock.ts'
import { hasCode, TenfoldError } from '../../core/errors.ts'
import { reapLeftovers } from '../../core/reap-leftovers.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'

/** `tenfold down`: stop everything. */
export const down: Command = {
  name: 'down',
  summary: 'stop a system, in order, and wait until nothing of it runs',
  description:
    'Requests under way are finished, then services, then databases stop. Data stays. Where the control plane has\n' +
    'died, what it left running is stopped. Where nothing runs, there is nothing to do, and that is success.',
  argument: BLUEPRINT_ARGUMENT,
  options: {},
  examples: [['npx tenfold down', 'stop the system of this directory']],
  async run(input) {
    const { blueprint, control } = await namedSystem(input)
    const { terminal, options } = input
    let outcome: { stopped: boolean; leftovers: number }
    try {
      await stopAndWait(control, input.signal)
      outcome = { stopped: true, leftovers: 0 }
    } catch (error) {
      if (!hasCode(error, 'TF_NOT_RUNNING')) throw error
      const state = await openStateDirectory({ blueprint, user: findChildUser(), clock: systemClock })
      try {
        outcome = { stopped: false, leftovers: (await reapLeftovers(state.processesFile)).length }
      } finally {
        await state.close()
      }
    }
    if (options['json'] === true) terminal.out(JSON.stringify(outcome))
    else if (outcome.stopped) terminal.out(`${blueprint.name} has stopped.`)
    else if (outcome.leftovers > 0)
      terminal.out(`${blueprint.name}: ${outcome.leftovers} processes left by a crash are stopped.`)
    else terminal.out(`${blueprint.name} does not run.`)
    return EXIT.success
  },
}

async function stopAndWait(control: ControlClient, signal: AbortSignal): Promise<void> {
  await control.command('stop', {}, { signal })
  for await (const snapshot of control.watch(signal)) {
    if (snapshot.phase === 'stopped') return
  }
  if (signal.aborted) {
    throw new TenfoldError('TF_ABORTED', 'expected to wait for the end of the system, but was interrupted', {
      hint: 'it goes on stopping; "tenfold status" tells how far it is',
    })
  }
}
