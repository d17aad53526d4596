import type { Action } from '../action.ts'
import { runAction } from '../action.ts'
import type { Command } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'
import { moveBuckets, planBuckets } from '../shards/move-buckets.ts'
import { showShards } from '../shards/show-shards.ts'

const ACTIONS: Readonly<Record<string, Action>> = {
  status: showShards,
  move: moveBuckets,
  split: planBuckets('split'),
  merge: planBuckets('merge'),
  drain: planBuckets('drain'),
  rebalance: planBuckets('rebalance'),
}

/** `tenfold shards`: what is on which shard, and how it comes to another one while everybody works. */
export const shards: Command = {
  name: 'shards',
  summary: 'show what is on which shard, and move it to another one while everybody works with it',
  description:
    'status           what each shard has, and how far moves are\n' +
    'split [FROM TO]  half of a shard goes to another one; without shards, half of each to one that has nothing\n' +
    'merge FROM TO    all of a shard goes to another one\n' +
    'drain FROM       all of a shard goes to the others\n' +
    'rebalance        as little as possible moves, so that all shards have about as much\n' +
    'move FROM TO     half of a shard, or --buckets, goes to another one\n' +
    'move NUMBER      asks a move for something: --pause, --continue, --abort, --back or --finish (all: every move)\n' +
    'Rows are copied and compared before their shard changes; who writes them waits for a moment then. One that has moved\n' +
    'can be taken back, with what was written since, until it is finished. Tables can not change before that. Where more\n' +
    'than one database has several shards, its name comes first: split orders 0 4.',
  argument: {
    name: 'ACTION…',
    description: 'status, move, split, merge, drain or rebalance, and what it needs',
    default: 'status',
    isList: true,
  },
  options: {
    ...SYSTEM_OPTION,
    'dry-run': { type: 'boolean', description: 'only show what would move' },
    detach: { type: 'boolean', description: 'begin, and do not wait until it has moved' },
    buckets: { type: 'string', value: 'LIST', description: 'of move FROM TO: only these, such as 3,16-31' },
    pause: { type: 'boolean', description: 'of move NUMBER: goes on when it is asked to continue' },
    continue: { type: 'boolean', description: 'of move NUMBER: goes on, also after what had stopped it' },
    abort: { type: 'boolean', description: 'of move NUMBER: removes everything of one that has not moved yet' },
    back: { type: 'boolean', description: 'of move NUMBER: takes back one that has moved' },
    finish: { type: 'boolean', description: 'of move NUMBER: deletes the rows where they were' },
    all: { type: 'boolean', description: 'of status: also moves that are over' },
    yes: { type: 'boolean', description: 'of --finish: go on, although it can not be taken back' },
  },
  examples: [
    ['npx tenfold shards', 'what is where?'],
    ['npx tenfold shards split --dry-run', 'what would go to the shards that are new?'],
    ['npx tenfold shards split', 'let it go there, and wait for it'],
    ['npx tenfold shards move 2 --back', 'take the second move back'],
    ['npx tenfold shards move all --finish --yes', 'all is well: delete the rows where they were'],
  ],
  async run(input) {
    await runAction(input, { command: 'shards', actions: ACTIONS, initial: 'status' })
    return EXIT.success
  },
}
