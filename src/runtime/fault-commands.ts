import { z } from 'zod'
import type { ControlCommand } from '../control/control-command.ts'
import { controlCommand } from '../control/control-command.ts'
import type { CommandTargets } from './commands.ts'

/** A drill strikes a zone at most. */
const STRUCK_MAX = 1_000

/** What drills do to a running system. */
export function faultCommands(
  targets: Pick<CommandTargets, 'strike' | 'databases'>,
): Readonly<Record<'fault' | 'switchover', ControlCommand>> {
  return {
    fault: controlCommand({
      input: z.strictObject({ ids: z.array(z.string()).min(1).max(STRUCK_MAX), fault: z.enum(['kill', 'freeze']) }),
      run: ({ ids, fault }) => ({ pids: targets.strike(ids, fault) }),
    }),
    switchover: controlCommand({
      input: z.strictObject({ database: z.string() }),
      async run({ database }) {
        await targets.databases().switchover(database)
        return {}
      },
    }),
  }
}
