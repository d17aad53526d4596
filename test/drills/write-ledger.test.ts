import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createWriteLedger } from '../../src/drills/write-ledger.ts'

function ledgerAt(): { ledger: ReturnType<typeof createWriteLedger>; at(ms: number): void } {
  let nowMs = 0
  return { ledger: createWriteLedger(() => nowMs), at: (ms) => (nowMs = ms) }
}

describe('a write ledger', () => {
  test('tells what was lost, and over how long a time', () => {
    const { ledger, at } = ledgerAt()
    for (const ms of [10, 20, 30, 40]) {
      at(ms)
      ledger.acknowledge(ledger.begin())
    }
    expect(ledger.compare([1, 4], 42)).toEqual({ lost: [2, 3], duplicated: [], unknown: [], lossMs: 22 })
    expect(ledger.compare([1, 4], 25).lossMs).toBe(10)
    expect(ledger.compare([1, 2, 3, 4], 42).lossMs).toBe(0)
    expect(ledger.compare([1], 25, 25)).toMatchObject({ lost: [2] })
  })

  test('counts neither the presence nor the absence of an open write as a defect', () => {
    const { ledger } = ledgerAt()
    ledger.leaveOpen(ledger.begin())
    expect(ledger.compare([], 0)).toEqual({ lost: [], duplicated: [], unknown: [], lossMs: 0 })
    expect(ledger.compare([1], 0)).toEqual({ lost: [], duplicated: [], unknown: [], lossMs: 0 })
  })

  test('finds rows that are there twice, and rows that were refused', () => {
    const { ledger } = ledgerAt()
    ledger.acknowledge(ledger.begin())
    ledger.begin()
    expect(ledger.compare([1, 1, 1, 2], 0)).toMatchObject({ duplicated: [1], unknown: [2] })
  })

  test('takes the gap that a fault makes, begun before it and ended after it', () => {
    const { ledger, at } = ledgerAt()
    for (const ms of [0, 900, 1_000, 1_400, 1_450]) {
      at(ms)
      ledger.acknowledge(ledger.begin())
    }
    expect(ledger.longestGapMs(1_010)).toBe(400)
    expect(ledger.longestGapMs(0)).toBe(900)
  })

  test('a gap that nobody has ended goes on', () => {
    const { ledger, at } = ledgerAt()
    ledger.acknowledge(ledger.begin())
    at(5_000)
    expect(ledger.longestGapMs(100)).toBe(5_000)
  })

  test('finds exactly the acknowledged rows that were taken away', () => {
    const history = fc.array(fc.record({ isAcknowledged: fc.boolean(), isKept: fc.boolean() }), { maxLength: 50 })
    fc.assert(
      fc.property(history, (writes) => {
        const { ledger } = ledgerAt()
        const expected: number[] = []
        const rows: number[] = []
        for (const { isAcknowledged, isKept } of writes) {
          const id = ledger.begin()
          if (isAcknowledged) ledger.acknowledge(id)
          else ledger.leaveOpen(id)
          if (isKept) rows.push(id)
          else if (isAcknowledged) expected.push(id)
        }
        expect(ledger.compare(rows, 0)).toMatchObject({ lost: expected, duplicated: [], unknown: [] })
      }),
    )
  })
})
