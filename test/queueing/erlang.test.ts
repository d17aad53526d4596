import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { erlangB, erlangC } from '../../src/queueing/erlang.ts'

// Any table of Erlang B, for example ITU-D Teletraffic Engineering Handbook (2005), table for N = 1 to 20.
test.each([
  [1, 1, 0.5],
  [2, 1, 0.2],
  [5, 3, 0.11005],
  [10, 10, 0.21458],
  [10, 4.461, 0.01],
  [20, 12.03, 0.01],
])('loses of %i servers and %f erlangs the share that tables print', (servers, offered, share) => {
  expect(erlangB(servers, offered)).toBeCloseTo(share, 4)
})

test('is exact for numbers of servers whose factorials no computer can hold', () => {
  // Jagerman 1974: B(a, a) = √(2/πa) · (1 − …), the first term of its expansion for large systems.
  const servers = 1_000_000
  expect(erlangB(servers, servers)).toBeCloseTo(Math.sqrt(2 / (Math.PI * servers)), 6)
  expect(erlangB(servers, 1)).toBe(0)
})

// Tanner's worked call centre (mitan.co.uk/erlang): 360 calls in 30 minutes of 240 s each, 55 agents.
test('lets wait in a call centre whom the worked example lets wait', () => {
  expect(erlangC(55, 48)).toBeCloseTo(0.239, 3)
})

test('everybody waits where more is offered than can be done', () => {
  expect(erlangC(3, 3)).toBe(1)
  expect(erlangC(3, 100)).toBe(1)
  expect(erlangC(3, 0)).toBe(0)
})

test('more servers never make more callers wait, and more wait than would be lost', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.double({ min: 0.01, max: 299, noNaN: true }),
      (servers, offered) => {
        const share = erlangC(servers, offered)
        expect(share).toBeGreaterThanOrEqual(erlangB(servers, offered))
        expect(share).toBeLessThanOrEqual(1)
        expect(erlangC(servers + 1, offered)).toBeLessThanOrEqual(share)
      },
    ),
  )
})

test('refuses what is no number of servers or no load', () => {
  expect(() => erlangB(1.5, 1)).toThrow(/expected whole servers, got 1.5/)
  expect(() => erlangB(1, -1)).toThrow(/expected offered erlangs/)
  expect(() => erlangC(0, 0)).toThrow(/expected a server or more/)
})
