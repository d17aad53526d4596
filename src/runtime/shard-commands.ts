import { z } from 'zod'
import type { ControlCommand } from '../control/control-command.ts'
import { controlCommand } from '../control/control-command.ts'
import type { ShardOperating } from './shard-operating.ts'

/** Left out where the system has only one database on several shards. */
const database = z.string().max(100).optional()
const shard = z.number().int().min(0).max(10_000)
const BUCKETS_MAX = 65_536

const request = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('move'),
    from: shard,
    to: shard,
    buckets: z.array(z.number().int().min(0)).min(1).max(BUCKETS_MAX).optional(),
  }),
  z.strictObject({ kind: z.literal('split'), from: shard.optional(), to: shard.optional() }),
  z.strictObject({ kind: z.literal('merge'), from: shard, to: shard }),
  z.strictObject({ kind: z.literal('drain'), from: shard }),
  z.strictObject({ kind: z.literal('rebalance') }),
])

/** The commands about shards. @param shards of a database @throws TF_USAGE where it is not on several, or which is unclear */
export function shardCommands(
  shards: (database: string | undefined) => ShardOperating,
): Readonly<Record<string, ControlCommand>> {
  return {
    'shards-status': controlCommand({
      input: z.strictObject({ database, which: z.enum(['open', 'all']) }),
      run: (input) => shards(input.database).status(input.which),
    }),
    'shards-moves': controlCommand({
      input: z.strictObject({ database }),
      run: (input) => shards(input.database).moves(),
    }),
    'shards-plan': controlCommand({
      input: z.strictObject({ database, request, isDry: z.boolean() }),
      run: (input) => shards(input.database).plan(input.request, input.isDry),
    }),
    'shards-ask': controlCommand({
      input: z.strictObject({
        database,
        move: z.union([z.number().int().min(1), z.literal('all')]),
        wish: z.enum(['pause', 'continue', 'abort', 'back', 'finish']),
      }),
      run: async (input) => ({ moves: await shards(input.database).ask(input.move, input.wish) }),
    }),
  }
}
