import type { Terminal } from './terminal.ts'

/** How a command ended, as the shell sees it. */
export const EXIT = {
  /** Done, and whatever was asked holds. */
  success: 0,
  /** It ran, and the answer is no: an objective is broken, a blueprint is invalid, an operation failed. */
  failure: 1,
  /** The command line was wrong; nothing was done. */
  usage: 2,
  /** Ended by Ctrl-C or SIGTERM, everything cleaned up. */
  interrupted: 130,
} as const

/** One of `EXIT`, or what a program ended with that was run for somebody. */
export type ExitCode = number

/** One option of a command, `--name`. */
export interface CommandOption {
  readonly type: 'boolean' | 'string'
  /** One letter, `-c`. */
  readonly short?: string
  /** What stands for the value in help: `--seed NUMBER`. */
  readonly value?: string
  readonly description: string
}

/** What a command gets. */
export interface CommandInput {
  /** The positional argument, or its default. */
  readonly argument: string
  /** What was given of a list of arguments. */
  readonly names: readonly string[]
  /** The second one; empty where the command has none. */
  readonly value: string
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  /** What stood after `--`. */
  readonly rest: readonly string[]
  readonly terminal: Terminal
  /** Aborted by the first Ctrl-C or SIGTERM: end in order. */
  readonly signal: AbortSignal
  /** Aborted by the second: end at once, and leave nothing behind all the same. */
  readonly hurry: AbortSignal
}

/** One command of `tenfold`; its help text is made from this table. */
export interface Command {
  readonly name: string
  /** One line, without a full stop. */
  readonly summary: string
  /** What it does and guarantees, a few lines. */
  readonly description: string
  /** Without a default it has to be given; of a list there may be several. */
  readonly argument: {
    readonly name: string
    readonly description: string
    readonly default?: string
    readonly isList?: boolean
  }
  /** A second argument; without a default it has to be given. */
  readonly value?: { readonly name: string; readonly description: string; readonly default?: string }
  /** What may stand after `--`; without it, nothing may. */
  readonly rest?: { readonly name: string; readonly description: string }
  readonly options: Readonly<Record<string, CommandOption>>
  readonly examples: readonly (readonly [line: string, meaning: string])[]
  run(input: CommandInput): Promise<ExitCode>
}

/** Options that every command has. */
export const COMMON_OPTIONS: Readonly<Record<string, CommandOption>> = {
  config: { type: 'string', value: 'NAME', description: 'use NAME.config.ts instead of tenfold.config.ts' },
  json: { type: 'boolean', description: 'print machine-readable JSON' },
  help: { type: 'boolean', short: 'h', description: 'show this text' },
}

/** The blueprint argument that most commands take. */
export const BLUEPRINT_ARGUMENT: Command['argument'] = {
  name: 'BLUEPRINT',
  description: 'a blueprint file, or a directory with a tenfold.config.ts',
  default: '.',
}

/** For commands whose argument is something else. */
export const SYSTEM_OPTION: Readonly<Record<'system', CommandOption>> = {
  system: { type: 'string', value: 'BLUEPRINT', description: 'the system that is meant (default: .)' },
}

/** For commands about some services, or all. */
export const SERVICES_ARGUMENT: Command['argument'] = {
  name: 'SERVICE…',
  description: 'the services that are meant',
  default: 'all',
  isList: true,
}
