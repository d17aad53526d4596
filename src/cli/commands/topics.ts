import type { Action } from '../action.ts'
import { runAction } from '../action.ts'
import type { Command } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'
import { dropTopicGroup } from '../topics/drop-group.ts'
import { listTopics } from '../topics/list-topics.ts'
import { moveTopicAction } from '../topics/move-topic.ts'
import { peekTopic } from '../topics/peek-topic.ts'
import { redriveLetters } from '../topics/redrive-letters.ts'
import { replayTopic } from '../topics/replay-topic.ts'
import { showDeadLetters } from '../topics/show-dead-letters.ts'
import { showLag } from '../topics/show-lag.ts'

const ACTIONS: Readonly<Record<string, Action>> = {
  list: listTopics,
  lag: showLag,
  peek: peekTopic,
  dead: showDeadLetters,
  redrive: redriveLetters,
  replay: replayTopic,
  move: moveTopicAction,
  'drop-group': dropTopicGroup,
}

/** `tenfold topics`: what is in topics, who reads them, and what nobody could handle. */
export const topics: Command = {
  name: 'topics',
  summary: 'show topics, how far their readers are, and what they could not handle; try it again, or read again',
  description:
    'list                      topics, the groups that read them, and how far they are\n' +
    'lag TOPIC                 each partition of each group\n' +
    'peek TOPIC                events as they are in the log, the newest first; nobody reads less for it\n' +
    'dead TOPIC                events that groups could not handle, how often they tried, and why\n' +
    'redrive TOPIC [ID…]       tries dead letters again: these, those of --key, or --all\n' +
    'replay TOPIC --from TIME  lets a group read again from a time on, or skip what is before it\n' +
    'move TOPIC                moves it to the engine that the blueprint has it on, or says how far that is\n' +
    'drop-group TOPIC          forgets a group that nobody reads for, so that nothing is kept for it any more\n' +
    'A service that consumes a topic is a group of its name; where there is only one, --group may be left out.',
  argument: {
    name: 'ACTION…',
    description: 'list, lag, peek, dead, redrive, replay, move or drop-group, and what it needs',
    default: 'list',
    isList: true,
  },
  options: {
    ...SYSTEM_OPTION,
    group: { type: 'string', value: 'NAME', description: 'the group that is meant; of peek: what it has not finished' },
    partition: { type: 'string', value: 'NUMBER', description: 'of peek: only this partition' },
    max: { type: 'string', value: 'NUMBER', description: 'events to show at most, up to 1000 (default: 20)' },
    from: {
      type: 'string',
      value: 'TIME',
      description: 'beginning, now, a time such as 2026-05-01T12:00:00Z, or how long ago: 2h',
    },
    key: { type: 'string', value: 'KEY', description: 'of redrive: the letters of one key' },
    all: { type: 'boolean', description: 'of redrive: all letters of the group' },
    'dry-run': { type: 'boolean', description: 'of move: only say how far it is' },
    finish: { type: 'boolean', description: 'of move: let go of what was there before, once every group has read it' },
    back: { type: 'boolean', description: 'of move: let groups go on in PostgreSQL, until it is finished' },
    yes: { type: 'boolean', description: 'of replay, move and drop-group: go on, although it can not be taken back' },
  },
  examples: [
    ['npx tenfold topics', 'what is there, and is somebody behind?'],
    ['npx tenfold topics dead order_placed', 'what went wrong?'],
    ['npx tenfold topics redrive order_placed --all', 'the bug is mended: try everything again'],
    ['npx tenfold topics move order_placed', 'to where the blueprint has it now'],
    ['npx tenfold topics replay order_placed --group recommender --from 2h --yes', 'read the last two hours again'],
  ],
  async run(input) {
    await runAction(input, { command: 'topics', actions: ACTIONS })
    return EXIT.success
  },
}
