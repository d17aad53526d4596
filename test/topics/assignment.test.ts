import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign } from '../../src/topics/assignment.ts'

type Owners = (string | undefined)[]

function viewOf(me: string, members: readonly string[], owners: Owners) {
  return { me, members, partitions: owners.map((owner, partition) => ({ partition, owner })) }
}

/** Everybody decides by what there is, one after the other, as the database would let them. */
function round(members: readonly string[], owners: Owners): Owners {
  const next = [...owners]
  for (const me of members) {
    const { take, giveBack } = assign(viewOf(me, members, next))
    for (const partition of giveBack) next[partition] = undefined
    for (const partition of take) if (next[partition] === undefined) next[partition] = me
  }
  return next
}

describe('the assignment of partitions', () => {
  test('gives everything to the only member', () => {
    expect(assign(viewOf('a', [], [undefined, undefined])).take.toSorted()).toEqual([0, 1])
  })

  test('asks who has too much to give back, and lets the new one take it', () => {
    expect(assign(viewOf('a', ['a', 'b'], ['a', 'a', 'a', 'a']))).toEqual({ take: [], giveBack: [2, 3] })
    expect(assign(viewOf('b', ['a', 'b'], ['a', 'a', undefined, undefined])).take).toHaveLength(2)
  })

  test('leaves alone what belongs to one who is not heard of, as long as it may be read by him', () => {
    expect(assign(viewOf('a', ['a'], ['a', 'gone']))).toEqual({ take: [], giveBack: [] })
  })

  test('comes to rest with fair shares, whoever had what, and then nothing moves', () => {
    const members = ['a', 'b', 'c', 'd', 'e']
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.option(fc.constantFrom(...members), { nil: undefined }), { minLength: 1, maxLength: 20 }),
        (count, first) => {
          const alive = members.slice(0, count)
          // What belonged to others has run out.
          let owners = first.map((owner) => (owner !== undefined && alive.includes(owner) ? owner : undefined))
          for (let n = 0; n < 4; n++) owners = round(alive, owners)
          const shares = alive.map((member) => owners.filter((owner) => owner === member).length)
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
          expect(owners).not.toContain(undefined)
          expect(round(alive, owners)).toEqual(owners)
        },
      ),
    )
  })
})
