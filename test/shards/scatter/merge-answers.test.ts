import { array, assert, constantFrom, integer, option, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MergePlan } from '../../../src/shards/scatter/merge-answers.ts'
import { mergeAnswers } from '../../../src/shards/scatter/merge-answers.ts'

const ROWS: MergePlan = { groupBy: undefined, aggregates: [], orderBy: [], offset: 0, limit: undefined }
const BY_N = { column: 'n', comparison: 'number', isDescending: false, isNullFirst: false } as const

describe('answers of shards', () => {
  test('that are cut off at the limit, and merged, are those of one database', () => {
    const row = record({ n: option(integer({ min: -5, max: 5 })), id: integer() })
    assert(
      property(array(array(row)), integer({ min: 0, max: 4 }), integer({ min: 0, max: 9 }), (shards, offset, limit) => {
        const plan = { ...ROWS, orderBy: [BY_N, { ...BY_N, column: 'id' }], offset, limit }
        const whole = mergeAnswers([shards.flat()], plan)
        const parts = shards.map((rows) => mergeAnswers([rows], { ...plan, offset: 0, limit: offset + limit }))
        expect(mergeAnswers(parts, plan)).toEqual(whole)
      }),
    )
  })

  test('of parts of groups are combined, however they are spread', () => {
    const part = record({ key: constantFrom('a', 'b'), n: integer({ min: 1, max: 9 }), m: option(integer()) })
    assert(
      property(array(array(part)), (shards) => {
        const plan: MergePlan = {
          ...ROWS,
          groupBy: ['key'],
          aggregates: [
            { merge: 'sum', column: 'n' },
            { merge: 'max', column: 'm', key: 'm', comparison: 'number' },
          ],
          orderBy: [{ ...BY_N, column: 'key', comparison: 'text' }],
        }
        const expected = ['a', 'b'].flatMap((key) => {
          const its = shards.flat().filter((one) => one.key === key)
          const most = its.map(({ m }) => m).filter((m) => m !== null)
          if (its.length === 0) return []
          return [{ key, n: its.reduce((sum, { n }) => sum + n, 0), m: most.length === 0 ? null : Math.max(...most) }]
        })
        expect(mergeAnswers(shards, plan)).toEqual(expected)
      }),
    )
  })

  test('that can not be added are refused', () => {
    const plan: MergePlan = { ...ROWS, groupBy: [], aggregates: [{ merge: 'sum', column: 'n' }] }
    expect(() => mergeAnswers([[{ n: { hours: 1 } }], [{ n: { hours: 2 } }]], plan)).toThrow(
      /numbers that can be added/,
    )
  })
})
