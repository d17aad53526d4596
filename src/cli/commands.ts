import type { Command } from './command.ts'
import { check } from './commands/check.ts'
import { down } from './commands/down.ts'
import { logs } from './commands/logs.ts'
import { rehearse } from './commands/rehearse.ts'
import { status } from './commands/status.ts'
import { up } from './commands/up.ts'

/** Every command of `tenfold`, in the order of the help. */
export const COMMANDS: readonly Command[] = [check, up, status, logs, rehearse, down]
