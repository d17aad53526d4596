import { z } from 'zod'
import type { ControlCommand } from '../control/control-command.ts'
import { controlCommand } from '../control/control-command.ts'
import type { SystemDatabases } from './system-databases.ts'

/** Everything that was committed is archived within this time, or somebody has to look. */
const FLUSH_MS = 30_000

const database = z.string().max(63)

/** The commands about backups; what they are told of a backup is what a person wants to see, not the list of its files. */
export function backupCommands(
  databases: () => Pick<SystemDatabases, 'backups' | 'restorePlace' | 'putRestored'>,
): Readonly<Record<string, ControlCommand>> {
  return {
    backup: controlCommand({
      input: z.strictObject({ database }),
      async run(input) {
        const {
          files,
          directories: _directories,
          backupLabel: _label,
          ...rest
        } = await databases().backups(input.database).take()
        return { ...rest, files: files.length }
      },
    }),
    'backup-mark': controlCommand({
      input: z.strictObject({ database, name: z.string().max(64) }),
      run: (input) => databases().backups(input.database).mark(input.name),
    }),
    'backup-flush': controlCommand({
      input: z.strictObject({ database }),
      async run(input) {
        await databases().backups(input.database).flush(FLUSH_MS)
        return {}
      },
    }),
    'restore-place': controlCommand({
      input: z.strictObject({ database }),
      run: (input) => databases().restorePlace(input.database),
    }),
    'restore-put': controlCommand({
      input: z.strictObject({ database, restored: z.string().max(4_096) }),
      async run(input, { signal }) {
        return { former: await databases().putRestored(input.database, input.restored, signal) }
      },
    }),
  }
}
