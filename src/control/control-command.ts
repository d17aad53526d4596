import type { InputSchema } from './json-route.ts'
import { parseInput } from './json-route.ts'

/** What a command gets besides its arguments. */
export interface CommandContext {
  /** Names this request everywhere: in the audit log, and as the key under which its outcome is kept. */
  readonly id: string
  /** Aborted when the control plane stops. Not when the client goes: a command that was taken runs to its end. */
  readonly signal: AbortSignal
}

/** A command that the control plane takes, made by `controlCommand`. */
export interface ControlCommand {
  /** Argument names that never reach a log. */
  readonly secrets: readonly string[]
  /** Runs even when the audit log can't be written, as `down` has to on a full disk. */
  readonly isAllowedUnaudited: boolean
  run(name: string, args: unknown, context: CommandContext): Promise<unknown>
}

/**
 * A command whose arguments are checked before it runs. What it returns must be plain data.
 *
 * @example
 * controlCommand({ input: z.strictObject({ service: z.string(), count: z.number() }), run: (args) => scale(args) })
 */
export function controlCommand<Input>(options: {
  input: InputSchema<Input>
  run: (args: Input, context: CommandContext) => unknown
  /** Argument names whose values are secret, besides those that sound like it. @default [] */
  secrets?: readonly string[]
  /** @default false */
  isAllowedUnaudited?: boolean
}): ControlCommand {
  const { input, run, secrets = [], isAllowedUnaudited = false } = options
  return {
    secrets,
    isAllowedUnaudited,
    async run(name, args, context) {
      return run(await parseInput(input, args, `the arguments of ${name}`), context)
    },
  }
}
