import { z } from 'zod'
import type { ControlCommand } from '../control/control-command.ts'
import { controlCommand } from '../control/control-command.ts'
import type { QueueOperating } from './queue-operating.ts'

const queue = z.string().max(100)

/** The commands about queues. What they return goes to whoever may use the control socket, and not into the audit log. */
export function queueCommands(queues: () => QueueOperating): Readonly<Record<string, ControlCommand>> {
  return {
    'queue-dead': controlCommand({
      input: z.strictObject({ queue, max: z.number().int().min(1).max(1_000) }),
      run: (input) => queues().dead(input.queue, input.max),
    }),
    'queue-peek': controlCommand({
      input: z.strictObject({ queue, max: z.number().int().min(1).max(1_000) }),
      run: (input) => queues().peek(input.queue, input.max),
    }),
    'queue-redrive': controlCommand({
      input: z.strictObject({ queue, itemIds: z.array(z.uuid()).min(1).max(1_000).optional() }),
      async run(input) {
        return { count: await queues().redrive(input.queue, input.itemIds) }
      },
    }),
  }
}
