import type { ControlClient } from '../control/control-client.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import { namedSystem } from './blueprint-argument.ts'
import type { CommandInput } from './command.ts'

/** What stands behind one word of a command such as `tenfold topics list`. `names` is what comes after it. */
export type Action = (input: CommandInput, control: ControlClient) => Promise<void>

/**
 * Runs the action that the first name says, or the initial one if there is none, on the system that `--system` or the directory names.
 *
 * @throws TF_USAGE there is no such action
 */
export async function runAction(
  input: CommandInput,
  {
    command,
    actions,
    initial = 'list',
  }: { readonly command: string; readonly actions: Readonly<Record<string, Action>>; readonly initial?: string },
): Promise<void> {
  const [name = initial, ...names] = input.names
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) throw unknownAction(`${command} ${initial}`, name, Object.keys(actions))
  const { system } = input.options
  const { control } = await namedSystem({ ...input, argument: typeof system === 'string' ? system : '.' })
  await action({ ...input, names }, control)
}

function unknownAction(command: string, name: string, known: readonly string[]): TenfoldError {
  const meant = didYouMean(name, known)
  return new TenfoldError('TF_USAGE', `expected ${known.join(', ')}, got ${JSON.stringify(name)}`, {
    hint: meant === undefined ? `write for example: tenfold ${command}` : `did you mean ${meant}?`,
  })
}
