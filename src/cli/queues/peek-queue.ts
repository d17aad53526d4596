import type { PeekedItem } from '../../queues/peeked-item.ts'
import type { Action } from '../action.ts'
import { maxIn, timeText } from '../topics/topic-arguments.ts'
import { onlyQueue } from './queue-argument.ts'

/** `tenfold queues peek`. */
export const peekQueue: Action = async (input, control) => {
  const { names, terminal, options, signal } = input
  const wanted = { queue: onlyQueue('peek', names), max: maxIn(input) }
  const items = await control.command<readonly PeekedItem[]>('queue-peek', wanted, { signal })
  if (options['json'] === true) terminal.out(JSON.stringify(items))
  else terminal.out(items.length === 0 ? 'no items' : items.map(peekedItemView).join('\n'))
}

/** Two lines: what becomes of it and when, and what it says. */
export function peekedItemView(item: PeekedItem): string {
  const { state, atEpochMs, itemId, priority, key, attempts, progress, payload } = item
  const tried = attempts === 0 ? '' : `  tried ${attempts} time${attempts === 1 ? '' : 's'} before`
  return [
    `${STATES[state]} ${timeText(atEpochMs)}  ${itemId}  ${priority}${key === undefined ? '' : `  key ${key}`}${tried}`,
    `  ${payload}`,
    ...(progress === undefined ? [] : [`  ${progress}`]),
  ].join('\n')
}

const STATES = {
  running: 'runs since',
  waiting: 'waits since',
  limited: 'waits for others of its key since',
  delayed: 'begins at',
} as const
