import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../core/clock.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { AuditLog } from './audit-log.ts'
import type { ControlCommand } from './control-command.ts'
import { redact } from './redact.ts'

/** A command as a client sends it. */
export interface CommandRequest {
  /** Chosen by the client: the same id again means the same command, never a second one. */
  readonly id: string
  readonly name: string
  readonly arguments: unknown
  /** Who the client says it is; the socket lets only the owner of the system (and root) in. */
  readonly client?: { readonly pid?: number | undefined; readonly uid?: number | undefined } | undefined
}

/** Runs each command once, and writes down who asked for what and what came of it. */
export interface CommandRunner {
  /**
   * Runs a command, or joins the run of the same id, or gives its outcome again.
   *
   * @throws TF_COMMAND_UNKNOWN with the name that was probably meant
   * @throws TF_COMMANDS_TOO_MANY when too many run; nothing was done
   * @throws TF_INPUT_INVALID for wrong arguments, or an id that was used for another command
   * @throws whatever the command throws
   */
  run(request: CommandRequest): Promise<unknown>
  /** Tells running commands that the control plane stops. */
  abort(): void
}

/** @see createCommandRunner */
export interface CommandRunnerOptions {
  readonly commands: Readonly<Record<string, ControlCommand>>
  readonly audit: AuditLog
  readonly clock: Clock
  /** Commands that may run at once. @default 32 */
  readonly runningMax?: number
  /** Outcomes kept for a repeated id; the oldest are forgotten. @default 500 */
  readonly outcomesMax?: number
}

/** Outcomes are kept in memory: after a restart of the control plane an id is new again. */
export function createCommandRunner(options: CommandRunnerOptions): CommandRunner {
  return new AuditedCommandRunner(options)
}

interface Taken {
  readonly name: string
  readonly arguments: unknown
  readonly outcome: Promise<unknown>
}

class AuditedCommandRunner implements CommandRunner {
  readonly #options: CommandRunnerOptions
  readonly #stopping = new AbortController()
  readonly #running = new Map<string, Taken>()
  /** In the order they ended. */
  readonly #ended = new Map<string, Taken>()

  constructor(options: CommandRunnerOptions) {
    this.#options = options
  }

  abort(): void {
    this.#stopping.abort()
  }

  async run(request: CommandRequest): Promise<unknown> {
    const taken = this.#running.get(request.id) ?? this.#ended.get(request.id)
    if (taken === undefined) return this.#take(request).outcome
    if (taken.name === request.name && isDeepStrictEqual(taken.arguments, request.arguments)) return taken.outcome
    throw new TenfoldError(
      'TF_INPUT_INVALID',
      `expected id ${request.id} to be used once, got it for ${taken.name} too`,
      {
        hint: 'give each command an id of its own',
      },
    )
  }

  #take(request: CommandRequest): Taken {
    const command = this.#find(request.name)
    const { runningMax = 32 } = this.#options
    if (this.#running.size >= runningMax) {
      throw new TenfoldError('TF_COMMANDS_TOO_MANY', `expected at most ${runningMax} commands to run, got one more`, {
        hint: 'wait until some have ended',
      })
    }
    const outcome = this.#execute(command, request)
    const taken = { name: request.name, arguments: request.arguments, outcome }
    this.#running.set(request.id, taken)
    const onEnd = (): void => this.#keep(request.id, taken)
    outcome.then(onEnd, onEnd)
    return taken
  }

  #find(name: string): ControlCommand {
    const { commands } = this.#options
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (command !== undefined) return command
    const meant = didYouMean(name, Object.keys(commands))
    const hint =
      meant === undefined ? `commands are ${Object.keys(commands).sort().join(', ')}` : `did you mean ${meant}?`
    throw new TenfoldError('TF_COMMAND_UNKNOWN', `expected the name of a command, got ${name}`, { hint })
  }

  async #execute(command: ControlCommand, request: CommandRequest): Promise<unknown> {
    const { audit, clock } = this.#options
    const { id, name, client } = request
    const startedMs = clock.nowMs()
    const entry = (facts: Record<string, unknown>): Promise<void> =>
      audit.append({ at: new Date(clock.epochMs()).toISOString(), id, command: name, ...facts })
    const asked = entry({ event: 'asked', arguments: redact(request.arguments, command.secrets), client })
    await (command.isAllowedUnaudited ? asked.catch(() => undefined) : asked)
    const ended = (facts: Record<string, unknown>): Promise<void> =>
      // The command is done; that its end could not be written down does not undo it.
      entry({ ...facts, durationMs: Math.round(clock.nowMs() - startedMs) }).catch(() => undefined)
    try {
      const result = await command.run(name, request.arguments, { id, signal: this.#stopping.signal })
      await ended({ event: 'done' })
      return result
    } catch (error) {
      const code = error instanceof TenfoldError ? error.code : 'TF_INTERNAL'
      await ended({ event: 'failed', code, message: redact(messageOf(error)) })
      throw error
    }
  }

  #keep(id: string, taken: Taken): void {
    this.#running.delete(id)
    this.#ended.set(id, taken)
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= (this.#options.outcomesMax ?? 500)) break
      this.#ended.delete(oldest)
    }
  }
}
