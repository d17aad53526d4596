import { describe, expect, test } from 'vitest'
import type { ReplicaSighting } from '../../src/sql/replica-choice.ts'
import { chooseReplica, freshAsOf } from '../../src/sql/replica-choice.ts'

const at = (term: number, lsn: number): { term: number; lsn: bigint } => ({ term, lsn: BigInt(lsn) })

const fresh: ReplicaSighting = { position: at(1, 50), freshAsOfMs: 1_000, inFlight: 0 }

function choose(replicas: readonly ReplicaSighting[], after?: { term: number; lsn: bigint }): unknown {
  return chooseReplica({ nowMs: 1_500, replicas, lagMaxMs: 1_000, after })
}

describe('the choice of a replica', () => {
  test('is the one with the least to do', () => {
    const busy = { ...fresh, inFlight: 3 }
    expect(choose([busy, fresh, fresh])).toEqual({ kind: 'replica', index: 1 })
  })

  test('is none that is too far behind, silent, or of unknown lag', () => {
    const behind = { ...fresh, freshAsOfMs: 499 }
    const silent = { ...fresh, position: undefined }
    const unknown = { ...fresh, freshAsOfMs: undefined }
    expect(choose([behind, silent, unknown])).toEqual({ kind: 'primary', reason: 'all-behind' })
    expect(choose([behind, fresh])).toEqual({ kind: 'replica', index: 1 })
    expect(choose([])).toEqual({ kind: 'primary', reason: 'no-replica' })
  })

  test('is one that has what was asked for, or to wait for one', () => {
    expect(choose([fresh], at(1, 50))).toEqual({ kind: 'replica', index: 0 })
    expect(choose([fresh], at(1, 51))).toEqual({ kind: 'wait' })
    expect(choose([fresh, { ...fresh, position: at(1, 51), inFlight: 9 }], at(1, 51))).toMatchObject({ index: 1 })
  })

  test('takes a replica of a later term for one that has all of the earlier ones, and none of an earlier term', () => {
    expect(choose([{ ...fresh, position: at(2, 10) }], at(1, 900))).toMatchObject({ kind: 'replica' })
    expect(choose([{ ...fresh, position: at(1, 900) }], at(2, 10))).toEqual({ kind: 'wait' })
  })

  test('knows since when a replica is complete by the latest moment of the primary that it has', () => {
    const samples = [
      { atMs: 1, position: at(1, 10) },
      { atMs: 2, position: at(1, 20) },
      { atMs: 3, position: at(2, 5) },
    ]
    expect(freshAsOf(at(1, 9), samples)).toBeUndefined()
    expect(freshAsOf(at(1, 10), samples)).toBe(1)
    expect(freshAsOf(at(1, 999), samples)).toBe(2)
    expect(freshAsOf(at(2, 5), samples)).toBe(3)
  })
})
