import { describe, expect, test } from 'vitest'
import type { Attempt } from './history.ts'
import { judgeDurability, judgeRows, judgeTerms, judgeWriters } from './history.ts'

const SERVED = { term: 1, timeline: 1, port: 5001 }

function write(seq: number, more: Partial<Attempt> = {}): Attempt {
  const fromMs = seq * 100
  return {
    writer: 1,
    seq,
    fromMs,
    toMs: fromMs + 10,
    sentEpochMs: fromMs,
    outcome: 'acknowledged',
    served: SERVED,
    ...more,
  }
}

function history(attempts: readonly Attempt[]): Parameters<typeof judgeRows>[0] {
  return { attempts, acceptances: [], alone: [], guarded: [] }
}

const unknown = { outcome: 'unknown', served: undefined } as const
const refused = { outcome: 'refused', served: undefined } as const

describe('the judge of a hunt', () => {
  test.each<[what: string, attempt: Attempt, count: number, isDefect: boolean]>([
    ['an acknowledged write that is there', write(1), 1, false],
    ['an acknowledged write that is not there', write(1), 0, true],
    ['a write that is there twice', write(1), 2, true],
    ['a write of unknown fate that is not there', write(1, unknown), 0, false],
    ['a write of unknown fate that is there', write(1, unknown), 1, false],
    ['a refused write that is there', write(1, refused), 1, true],
    [
      'a write that was said to have committed and is not there',
      write(1, { ...unknown, judged: 'committed' }),
      0,
      true,
    ],
    ['a write that was said not to have and is there', write(1, { ...unknown, judged: 'not-committed' }), 1, true],
  ])('judges %s', (_, attempt, count, isDefect) => {
    expect(judgeRows(history([attempt]), new Map([['1/1', count]]))).toHaveLength(isDefect ? 1 : 0)
  })

  test('finds a write on an old timeline after one on a new timeline, and none that overlaps it', () => {
    const after = write(1, { served: { ...SERVED, timeline: 2 } })
    expect(judgeWriters(history([after, write(2)]))).toHaveLength(1)
    expect(judgeWriters(history([after, write(2, { fromMs: 105 })]))).toEqual([])
    const probe = { fromMs: 120, toMs: 130, timeline: 1, by: 'a probe' }
    expect(judgeWriters({ ...history([after]), acceptances: [probe] })).toHaveLength(1)
  })

  test('finds a write of a term that was over, and forgives a primary that has not written down its own yet', () => {
    const terms = [
      { term: 1, node: 1, beganEpochMs: 0 },
      { term: 2, node: 2, beganEpochMs: 150 },
    ]
    const ports = (node: number): ReadonlySet<number> => new Set([5000 + node])
    expect(judgeTerms(history([write(1)]), terms, ports)).toEqual([])
    expect(judgeTerms(history([write(2)]), terms, ports)).toHaveLength(1)
    expect(judgeTerms(history([write(2, { served: { ...SERVED, port: 5002 } })]), terms, ports)).toEqual([])
  })

  test.each([
    ['where two disks are required', true, 2],
    ['while one is recorded as synchronous', false, 1],
  ])('finds what was acknowledged while no follower got anything, %s', (_, isRequired, count) => {
    const [alone, guarded] = [[{ fromMs: 150, toMs: 400 }], [{ fromMs: 150, toMs: 300 }]]
    const seen = { ...history([write(1), write(2), write(3), write(4)]), alone, guarded }
    expect(judgeDurability(seen, isRequired)).toHaveLength(count)
  })
})
