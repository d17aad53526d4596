import type { DeadItem } from '../../queues/dead-items.ts'
import type { Action } from '../action.ts'
import { maxIn, timeText } from '../topics/topic-arguments.ts'
import { onlyQueue } from './queue-argument.ts'

/** `tenfold queues dead`. */
export const showDeadItems: Action = async (input, control) => {
  const { names, terminal, options, signal } = input
  const queue = onlyQueue('dead', names)
  const items = await control.command<readonly DeadItem[]>('queue-dead', { queue, max: maxIn(input) }, { signal })
  terminal.out(options['json'] === true ? JSON.stringify(items) : itemsView(queue, items))
}

/** The oldest items, and what to do about them. */
export function itemsView(queue: string, items: readonly DeadItem[]): string {
  if (items.length === 0) return 'no dead items'
  return [...items.map(itemView), `try them again: tenfold queues redrive ${queue} --all`].join('\n')
}

function itemView({
  itemId,
  priority,
  key,
  payload,
  enqueuedEpochMs,
  attempts,
  cause,
  failedEpochMs,
}: DeadItem): string {
  const tried = `tried ${attempts} time${attempts === 1 ? '' : 's'}`
  return [
    `${timeText(enqueuedEpochMs)}  ${itemId}  ${priority}${key === undefined ? '' : `  key ${key}`}`,
    `  ${payload}`,
    `  dead, ${tried}, ${timeText(failedEpochMs)}: ${cause}`,
  ].join('\n')
}
