import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BURN_WINDOWS, burnRate, judgeBurn } from '../../src/objectives/burn-rate.ts'

const HOUR_MS = 3_600_000

describe('the burn rate', () => {
  it('is 1 when the budget lasts exactly for its period', () => {
    expect(burnRate({ total: 1_000, bad: 1 }, 0.999)).toBeCloseTo(1)
    expect(burnRate({ total: 1_000, bad: 10 }, 0.999)).toBeCloseTo(10)
  })

  it('is 0 without events or without bad ones', () => {
    expect([burnRate({ total: 0, bad: 0 }, 0.999), burnRate({ total: 5, bad: 0 }, 1)]).toEqual([0, 0])
  })

  it('matches the budget that the workbook gives each window: 2 %, 5 % and 10 % of 30 days', () => {
    const shares = BURN_WINDOWS.map(({ longMs, rate }) => (rate * longMs) / (30 * 24 * HOUR_MS))
    expect(shares.map((share) => Number(share.toFixed(4)))).toEqual([0.02, 0.05, 0.1])
  })
})

describe('the decision by several windows', () => {
  /** Errors at `share` from `sinceMs` ago until `untilMs` ago, at a steady 100 requests a second. */
  const outage =
    (share: number, sinceMs: number, untilMs = 0) =>
    (windowMs: number) => ({
      total: windowMs / 10,
      bad: (share * Math.max(0, Math.min(windowMs, sinceMs) - untilMs)) / 10,
    })

  it('pages for a fast burn, and says how fast', () => {
    const decision = judgeBurn(0.999, outage(0.02, HOUR_MS))
    expect(decision.severity).toBe('page')
    expect(decision.reason).toContain('20.0 times too fast over 1 h')
  })

  it('does not page for a spike that the long window forgives', () => {
    expect(judgeBurn(0.999, outage(0.02, HOUR_MS / 12)).severity).toBe('none')
  })

  it('stops soon after the trouble has ended', () => {
    expect(judgeBurn(0.999, outage(0.02, HOUR_MS, 6 * 60_000)).severity).toBe('none')
  })

  it('opens a ticket for a slow burn', () => {
    expect(judgeBurn(0.999, outage(0.002, 100 * HOUR_MS)).severity).toBe('ticket')
  })

  it('never gets milder as the errors get more', () => {
    const rank = { none: 0, ticket: 1, page: 2 }
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.integer({ min: 0, max: 80 * HOUR_MS }),
        (share, since) => {
          const mild = judgeBurn(0.999, outage(share, since)).severity
          const worse = judgeBurn(0.999, outage(2 * share, since)).severity
          expect(rank[worse]).toBeGreaterThanOrEqual(rank[mild])
        },
      ),
    )
  })
})
