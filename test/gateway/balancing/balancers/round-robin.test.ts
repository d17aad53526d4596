import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createRoundRobin } from '../../../../src/gateway/balancing/balancers/round-robin.ts'
import { instance } from './instance-for-tests.ts'

it('takes one after the other', () => {
  const balancer = createRoundRobin()
  const all = ['a', 'b', 'c'].map((id) => instance({ id }))
  const order = Array.from({ length: 6 }, () => balancer.pick(all, 0)!.id).join('')
  expect(order).toBe('abcabc')
})

it('spreads the turns of a heavier one', () => {
  const balancer = createRoundRobin()
  const all = [instance({ id: 'a', weight: 5 }), instance({ id: 'b' }), instance({ id: 'c' })]
  const order = Array.from({ length: 7 }, () => balancer.pick(all, 0)!.id).join('')
  expect(order).toBe('aabacaa')
})

it('gives each its share after any number of turns, to within one turn for each other', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }),
      fc.nat(100),
      (weights, turns) => {
        const balancer = createRoundRobin()
        const all = weights.map((weight) => instance({ weight }))
        for (let i = 0; i < turns; i++) balancer.pick(all, 0)!.picks += 1
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        for (const { picks, weight } of all) {
          expect(Math.abs(picks - (turns * weight) / total)).toBeLessThanOrEqual(all.length)
        }
      },
    ),
    { numRuns: 100 },
  )
})

it('passes over one that is full, and does not give it all it missed when it is not full any more', () => {
  const balancer = createRoundRobin()
  const [a, b] = [instance({ id: 'a', isFull: true }), instance({ id: 'b' })]
  for (let i = 0; i < 100; i++) expect(balancer.pick([a, b], 0)).toBe(b)
  a.isFull = false
  const order = Array.from({ length: 6 }, () => balancer.pick([a, b], 0)!.id).join('')
  expect(order).toMatch(/^(ab|ba){3}$/)
})
