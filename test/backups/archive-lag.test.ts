import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ArchiveLag } from '../../src/backups/archive-lag.ts'
import { lagMs, NO_LAG, withArchived, withReading } from '../../src/backups/archive-lag.ts'

describe('the age of what is not archived', () => {
  test('counts from the first change that the archive does not have', () => {
    let lag = withReading(NO_LAG, { atMs: 0, position: 100n, nextTransaction: 5n })
    lag = withArchived(lag, 100n)
    expect(lagMs(lag, 60_000)).toBe(0)
    lag = withReading(lag, { atMs: 1_000, position: 200n, nextTransaction: 6n })
    lag = withReading(lag, { atMs: 2_000, position: 300n, nextTransaction: 9n })
    expect(lagMs(lag, 5_000)).toBe(4_000)
    expect(lagMs(withArchived(lag, 200n), 5_000)).toBe(3_000)
    expect(lagMs(withArchived(lag, 300n), 5_000)).toBe(0)
  })

  test('does not grow while nobody writes, whatever the server itself adds to its log', () => {
    let lag = withArchived(withReading(NO_LAG, { atMs: 0, position: 100n, nextTransaction: 5n }), 100n)
    lag = withReading(lag, { atMs: 1_000, position: 180n, nextTransaction: 5n })
    expect(lagMs(lag, 3_600_000)).toBe(0)
  })

  test('stays bounded and never says less than the oldest change, however long nothing is archived', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (count) => {
        let lag: ArchiveLag = NO_LAG
        for (let n = 1; n <= count; n++) {
          lag = withReading(lag, { atMs: n, position: BigInt(n), nextTransaction: BigInt(n) })
        }
        expect(lag.pending.length).toBeLessThanOrEqual(1024)
        expect(lagMs(lag, count)).toBe(count - 1)
      }),
      { numRuns: 20 },
    )
  })
})
