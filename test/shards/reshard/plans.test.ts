import { assert, integer, property, record, uniqueArray } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mapAfter } from '../../../src/shards/change-owner.ts'
import { initialMap } from '../../../src/shards/initial-map.ts'
import type { PlanGround, PlannedMove } from '../../../src/shards/reshard/plans.ts'
import { planMoves } from '../../../src/shards/reshard/plans.ts'
import type { ShardMap } from '../../../src/shards/shard-map.ts'

/** Of a database with so many shards that have something, and more that are new. */
function ground(full: number, count: number, changes: Partial<PlanGround> = {}): PlanGround {
  const map = initialMap({ by: 'hash', count: full, buckets: 64 }, { column: 'user_id', type: 'integer' })
  const weights = new Map([...map.owners.keys()].map((bucket) => [bucket, 10]))
  return { map, count, weights, moving: new Set(), ...changes }
}

function after(map: ShardMap, moves: readonly PlannedMove[]): ShardMap {
  return moves.reduce((before, move) => mapAfter({ ...move, map: before }), map)
}

function loads({ map, count, weights }: PlanGround): readonly number[] {
  const loads = Array.from({ length: count }, () => 0)
  for (const [bucket, { shard }] of map.owners) loads[shard]! += weights.get(bucket) ?? 0
  return loads
}

describe('a plan', () => {
  test('splits four shards into eight: half of each goes to one that is new', () => {
    const given = ground(4, 8)
    const moves = planMoves({ kind: 'split' }, given)
    expect(moves.map(({ source, target, buckets }) => [source, target, buckets.length])).toEqual([
      [0, 4, 8],
      [1, 5, 8],
      [2, 6, 8],
      [3, 7, 8],
    ])
    expect(loads({ ...given, map: after(given.map, moves) })).toEqual(Array.from({ length: 8 }, () => 80))
  })

  test('splits by weight, not by number', () => {
    const weights = new Map([[0, 100], ...Array.from({ length: 15 }, (_, n) => [n + 1, 10] as const)])
    const given = ground(4, 5, { weights })
    const [move] = planMoves({ kind: 'split', from: 0 }, given)
    const gone = move!.buckets.reduce((sum, bucket) => sum + weights.get(bucket)!, 0)
    expect(Math.abs(gone - 125)).toBeLessThanOrEqual(10)
    expect(move!.target).toBe(4)
  })

  test('spreads buckets that have nothing yet, too', () => {
    const given = ground(2, 3, { weights: new Map([[0, 1_000]]) })
    expect(planMoves({ kind: 'split', from: 0 }, given)[0]!.buckets.length).toBeGreaterThan(10)
    expect(planMoves({ kind: 'split', from: 1 }, given)[0]!.buckets).toHaveLength(16)
  })

  test('merges, drains and moves what is named', () => {
    const given = ground(4, 4)
    expect(planMoves({ kind: 'merge', from: 3, to: 2 }, given)).toMatchObject([{ source: 3, target: 2 }])
    const drained = planMoves({ kind: 'drain', from: 0 }, given)
    expect(loads({ ...given, map: after(given.map, drained) })[0]).toBe(0)
    expect(drained.map(({ target }) => target)).toEqual([1, 2, 3])
    expect(planMoves({ kind: 'move', from: 0, to: 1, buckets: [3, 5, 60] }, given)).toEqual([
      { buckets: [3, 5], source: 0, target: 1 },
    ])
    expect(planMoves({ kind: 'move', from: 0, to: 1 }, given)[0]!.buckets).toHaveLength(8)
  })

  test('leaves buckets that are on the move where they are', () => {
    const given = ground(2, 2, { moving: new Set([0, 1]) })
    const [move] = planMoves({ kind: 'merge', from: 0, to: 1 }, given)
    expect(move!.buckets).toHaveLength(30)
  })

  test('of nothing, or to nowhere, is refused with what to do', () => {
    const given = ground(2, 2)
    for (const request of [
      { kind: 'split' },
      { kind: 'split', from: 0 },
      { kind: 'merge', from: 0, to: 0 },
      { kind: 'merge', from: 0, to: 7 },
      { kind: 'drain', from: 2 },
      { kind: 'move', from: 0, to: 1, buckets: [63] },
    ] as const) {
      expect(() => planMoves(request, given), JSON.stringify(request)).toThrow(
        expect.objectContaining({ code: 'TF_MOVE_REFUSED', hint: expect.any(String) }),
      )
    }
  })

  test('to balance moves nothing where all is even, and otherwise never makes it worse', () => {
    expect(planMoves({ kind: 'rebalance' }, ground(4, 4))).toEqual([])
    assert(
      property(
        record({
          count: integer({ min: 1, max: 6 }),
          heavy: uniqueArray(integer({ min: 0, max: 63 }), { maxLength: 20 }),
          weight: integer({ min: 0, max: 500 }),
        }),
        ({ count, heavy, weight }) => {
          const weights = new Map(Array.from({ length: 64 }, (_, n) => [n, heavy.includes(n) ? weight : 10]))
          const given = ground(Math.min(4, count), count, { weights })
          const moves = planMoves({ kind: 'rebalance' }, given)
          const [before, later] = [loads(given), loads({ ...given, map: after(given.map, moves) })]
          expect(Math.max(...later)).toBeLessThanOrEqual(Math.max(...before))
          expect(Math.min(...later)).toBeGreaterThanOrEqual(Math.min(...before))
          const moved = moves.flatMap(({ buckets }) => buckets)
          expect(new Set(moved).size).toBe(moved.length)
        },
      ),
    )
  })
})
