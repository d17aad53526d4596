import type { Action } from '../action.ts'
import { runAction } from '../action.ts'
import type { Command } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'
import { listQueues, showQueueLag } from '../queues/list-queues.ts'
import { peekQueue } from '../queues/peek-queue.ts'
import { redriveItems } from '../queues/redrive-items.ts'
import { refuseReplay } from '../queues/refuse-replay.ts'
import { showDeadItems } from '../queues/show-dead-items.ts'

const ACTIONS: Readonly<Record<string, Action>> = {
  list: listQueues,
  lag: showQueueLag,
  peek: peekQueue,
  dead: showDeadItems,
  redrive: redriveItems,
  replay: refuseReplay,
}

/** `tenfold queues`: what waits, and what nobody could do. */
export const queues: Command = {
  name: 'queues',
  summary: 'show queues, what waits in them, and what nobody could do; try it again',
  description:
    'list                      queues, what waits, since when, and who works on it\n' +
    'lag QUEUE                 the same of one queue\n' +
    'peek QUEUE                items as they are: those that run, those that wait, those that are not due yet\n' +
    'dead QUEUE                items that nobody could do, how often they were tried, and why\n' +
    'redrive QUEUE [ID…]       puts dead items into the queue again: these, or --all',
  argument: {
    name: 'ACTION…',
    description: 'list, lag, peek, dead or redrive, and what it needs',
    default: 'list',
    isList: true,
  },
  options: {
    ...SYSTEM_OPTION,
    max: { type: 'string', value: 'NUMBER', description: 'items to show at most, up to 1000 (default: 20)' },
    all: { type: 'boolean', description: 'of redrive: all dead items of the queue' },
  },
  examples: [
    ['npx tenfold queues', 'what is there, and does something wait?'],
    ['npx tenfold queues peek emails', 'what runs, and what is next?'],
    ['npx tenfold queues dead emails', 'what went wrong?'],
    ['npx tenfold queues redrive emails --all', 'the bug is mended: try everything again'],
  ],
  async run(input) {
    await runAction(input, { command: 'queues', actions: ACTIONS })
    return EXIT.success
  },
}
