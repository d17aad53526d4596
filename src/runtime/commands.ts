import { z } from 'zod'
import type { ControlCommand } from '../control/control-command.ts'
import { controlCommand } from '../control/control-command.ts'
import type { RehearsalStatus } from '../control/snapshot.ts'

/** What the commands of a running system act on. */
export interface CommandTargets {
  requestStop(): void
  scale(service: string, count: number): void
  showRehearsal(status: RehearsalStatus): void
}

/** The commands of the control socket. */
export function systemCommands(targets: CommandTargets): Readonly<Record<string, ControlCommand>> {
  return {
    stop: controlCommand({
      input: z.strictObject({}),
      isAllowedUnaudited: true,
      run() {
        targets.requestStop()
        return { stopping: true }
      },
    }),
    scale: controlCommand({
      input: z.strictObject({ service: z.string(), count: z.number().int().min(0) }),
      run({ service, count }) {
        targets.scale(service, count)
        return { service, count }
      },
    }),
    rehearsal: controlCommand({
      input: rehearsalStatus,
      run(status) {
        targets.showRehearsal(status)
        return {}
      },
    }),
  }
}

const rehearsalStatus: z.ZodType<RehearsalStatus> = z.strictObject({
  id: z.string(),
  state: z.enum(['running', 'passed', 'failed', 'invalid', 'aborted']),
  startedEpochMs: z.number(),
  durationMs: z.number(),
  reportFile: z.string().optional(),
}) as z.ZodType<RehearsalStatus>
