import { existsSync } from 'node:fs'
import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import type { ControlClient } from '../../control/control-client.ts'
import type { RunningSystem } from '../../control/running-system.ts'
import { findRunning } from '../../control/running-system.ts'
import { openStateDirectory } from '../../control/state-directory.ts'
import { stateDirectoryOf } from '../../control/state-paths.ts'
import { findChildUser } from '../../core/child-user.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import { hasCode, TenfoldError } from '../../core/errors.ts'
import { isRunning } from '../../core/process-identity.ts'
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
    const { terminal, options, signal } = input
    const outcome = await stopSystem(blueprint, control, signal)
    if (options['json'] === true) terminal.out(JSON.stringify(outcome))
    else if (outcome.stopped) terminal.out(`${blueprint.name} has stopped.`)
    else if (outcome.leftovers > 0)
      terminal.out(`${blueprint.name}: ${outcome.leftovers} processes left by a crash are stopped.`)
    else terminal.out(`${blueprint.name} does not run.`)
    return EXIT.success
  },
}

interface Outcome {
  readonly stopped: boolean
  /** Processes that no control plane looked after any more. */
  readonly leftovers: number
}

const POLL_MS = 50
/** At its start and at its end a control plane holds its state and has no socket; starting can mean to end leftovers. */
const UNREACHABLE_MS_MAX = 20_000
/** From the end of everything that it ran to its own. */
const LEAVING_MS_MAX = 2_000

async function stopSystem(blueprint: ResolvedBlueprint, control: ControlClient, signal: AbortSignal): Promise<Outcome> {
  const directory = stateDirectoryOf(blueprint)
  // Nothing has ever run: there is no state, and none is made.
  if (!existsSync(directory)) return { stopped: false, leftovers: 0 }
  const giveUpMs = systemClock.nowMs() + UNREACHABLE_MS_MAX
  let stopped = false
  for (;;) {
    try {
      const running = await findRunning(directory)
      await control.command('stop', {}, { signal })
      stopped = true
      await hasEnded(directory, running, signal)
    } catch (error) {
      if (!hasCode(error, 'TF_NOT_RUNNING')) throw error
    }
    try {
      return { stopped, leftovers: await reap(blueprint) }
    } catch (error) {
      if (!hasCode(error, 'TF_ALREADY_RUNNING') || systemClock.nowMs() > giveUpMs) throw error
    }
    await sleep(systemClock, POLL_MS, signal)
  }
}

/** Also where the control plane is killed while it stops: what it leaves is reaped next. */
async function hasEnded(directory: string, running: RunningSystem | undefined, signal: AbortSignal): Promise<void> {
  try {
    while ((await findRunning(directory)) !== undefined) await sleep(systemClock, POLL_MS, signal)
    // A program that holds a system as a part of itself goes on, so its end is not waited for long.
    const giveUpMs = systemClock.nowMs() + LEAVING_MS_MAX
    const isThere = (): boolean => running !== undefined && isRunning(running)
    while (isThere() && systemClock.nowMs() < giveUpMs) await sleep(systemClock, POLL_MS, signal)
  } catch (error) {
    if (!signal.aborted) throw error
    throw new TenfoldError('TF_ABORTED', 'expected to wait for the end of the system, but was interrupted', {
      hint: 'it goes on stopping; "tenfold status" tells how far it is',
    })
  }
}

async function reap(blueprint: ResolvedBlueprint): Promise<number> {
  const state = await openStateDirectory({ blueprint, user: findChildUser(), clock: systemClock })
  try {
    return (await reapLeftovers(state.processesFile)).length
  } finally {
    await state.close()
  }
}
