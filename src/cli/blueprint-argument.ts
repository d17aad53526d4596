import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import { loadBlueprint } from '../blueprint/load.ts'
import type { ControlClient } from '../control/control-client.ts'
import { connectControl } from '../control/control-client.ts'
import { stateDirectoryOf } from '../control/state-paths.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { CommandInput } from './command.ts'

/** The blueprint that the command line names, checked. Loading it runs it, so it can take time. */
export function namedBlueprint({ argument, options, signal }: CommandInput): Promise<ResolvedBlueprint> {
  const { config } = options
  const loading = loadBlueprint(argument, typeof config === 'string' ? { configuration: config } : {})
  return unlessAborted(loading, signal, 'the blueprint to load')
}

/** A client of the running system that the command line names. Connects to nothing yet. */
export async function namedSystem(
  input: CommandInput,
): Promise<{ blueprint: ResolvedBlueprint; control: ControlClient }> {
  const blueprint = await namedBlueprint(input)
  return { blueprint, control: connectControl(stateDirectoryOf(blueprint)) }
}
