import { didYouMean } from '../../core/did-you-mean.ts'
import { TenfoldError } from '../../core/errors.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'
import { listQueues } from '../queues/list-queues.ts'
import { redriveItems } from '../queues/redrive-items.ts'
import { showDeadItems } from '../queues/show-dead-items.ts'
import type { TopicAction } from '../topics/topic-action.ts'

const ACTIONS: Readonly<Record<string, TopicAction>> = {
  list: listQueues,
  dead: showDeadItems,
  redrive: redriveItems,
}

/** `tenfold queues`: what waits, and what nobody could do. */
export const queues: Command = {
  name: 'queues',
  summary: 'show queues, what waits in them, and what nobody could do; try it again',
  description:
    'list                      queues, what waits, since when, and who works on it\n' +
    'dead QUEUE                items that nobody could do, how often they were tried, and why\n' +
    'redrive QUEUE [ID…]       puts dead items into the queue again: these, or --all',
  argument: { name: 'ACTION…', description: 'list, dead or redrive, and what it needs', default: 'list', isList: true },
  options: {
    ...SYSTEM_OPTION,
    max: { type: 'string', value: 'NUMBER', description: 'items to show at most, up to 1000 (default: 20)' },
    all: { type: 'boolean', description: 'of redrive: all dead items of the queue' },
  },
  examples: [
    ['npx tenfold queues', 'what is there, and does something wait?'],
    ['npx tenfold queues dead emails', 'what went wrong?'],
    ['npx tenfold queues redrive emails --all', 'the bug is mended: try everything again'],
  ],
  async run(input) {
    const [name = 'list', ...names] = input.names
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined
    if (action === undefined) throw unknownAction(name)
    const { system } = input.options
    const { control } = await namedSystem({ ...input, argument: typeof system === 'string' ? system : '.' })
    await action({ ...input, names }, control)
    return EXIT.success
  },
}

function unknownAction(name: string): TenfoldError {
  const known = Object.keys(ACTIONS)
  const meant = didYouMean(name, known)
  return new TenfoldError('TF_USAGE', `expected ${known.join(', ')}, got ${JSON.stringify(name)}`, {
    hint: meant === undefined ? 'write for example: tenfold queues list' : `did you mean ${meant}?`,
  })
}
