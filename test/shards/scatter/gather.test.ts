import { describe, expect, test } from 'vitest'
import { initialMap } from '../../../src/shards/initial-map.ts'
import { mapAfter } from '../../../src/shards/change-owner.ts'
import type { GatherRequest, ShardsToAsk } from '../../../src/shards/scatter/gather.ts'
import { gather } from '../../../src/shards/scatter/gather.ts'
import { createTurns } from '../../../src/shards/scatter/turns.ts'
import type { ShardMap } from '../../../src/shards/shard-map.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'

const MAP = initialMap({ by: 'hash', count: 3, buckets: 4 }, { column: 'user_id', type: 'integer' })
const MOVED = mapAfter({ buckets: [0], source: 0, target: 1, map: MAP })
const REQUEST: GatherRequest = {
  deadlineMs: 1_000,
  isPartial: false,
  statement: (_, buckets) => ({ text: 'select', values: [buckets] }),
}

/** Shards that answer with their buckets, under the epochs of the true map, and say which were asked. */
function fakeShards(truth: () => ShardMap, answer: (shard: number) => Promise<void> = async () => {}) {
  const clock = virtualClock()
  const asked: number[] = []
  let current = MAP
  const turns = [0, 1, 2].map(() => createTurns({ atOnce: 1, waitingMax: 0 }))
  const shards = {
    clock,
    turns: (shard: number) => turns[shard]!,
    maps: {
      get current() {
        return current
      },
      newer: async () => (current = truth()),
    },
    at: (shard: number) => ({
      async readTogether([statement]: readonly { values: readonly unknown[] }[]) {
        asked.push(shard)
        await answer(shard)
        return [{ rows: [{ buckets: statement!.values[0] }] }, { rows: [{ epoch: truth().shardEpochs[shard] }] }]
      },
    }),
  } as unknown as ShardsToAsk
  return { shards, asked, clock }
}

describe('what is gathered from all shards', () => {
  test('is asked again where another epoch was said, for the buckets of the map that counts then', async () => {
    const { shards, asked } = fakeShards(() => MOVED)
    const { answers } = await gather(shards, REQUEST)
    expect(answers).toEqual([[{ buckets: '{1}' }], [{ buckets: '{0,2}' }], [{ buckets: '{3}' }]])
    // The third has nothing to do with the move.
    expect(asked).toEqual([0, 1, 2, 0, 1])
  })

  test('waits while there is no newer map', async () => {
    let truth: ShardMap = { ...MAP, shardEpochs: [2, 1, 1] }
    const { shards, clock } = fakeShards(() => truth)
    const gathered = gather(shards, REQUEST)
    await clock.advance(20)
    truth = MOVED
    await clock.advance(100)
    expect((await gathered).answers).toHaveLength(3)
  })

  test('is an error that names the shard which fails', async () => {
    const { shards } = fakeShards(
      () => MAP,
      async (shard) => {
        if (shard === 1) throw new Error('disk on fire')
      },
    )
    await expect(gather(shards, REQUEST)).rejects.toMatchObject({
      code: 'TF_SHARD_UNANSWERED',
      message: 'expected all shards to answer, but shard 1 did not: disk on fire',
    })
    const { answers, missing } = await gather(shards, { ...REQUEST, isPartial: true })
    expect(answers).toHaveLength(2)
    expect(missing).toMatchObject([{ shard: 1 }])
  })

  test('is what came by the deadline, or an error', async () => {
    const { shards, clock } = fakeShards(
      () => MAP,
      (shard) => (shard === 2 ? new Promise(() => {}) : Promise.resolve()),
    )
    const late = expect(gather(shards, REQUEST)).rejects.toMatchObject({ details: { shards: [2] } })
    await clock.advance(1_000)
    await late
    const partly = gather(shards, { ...REQUEST, isPartial: true })
    await clock.advance(1_000)
    expect((await partly).missing).toMatchObject([{ shard: 2, error: { code: 'TF_SHARD_BUSY' } }])
  })
})
