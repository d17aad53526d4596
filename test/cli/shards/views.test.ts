import { describe, expect, test } from 'vitest'
import { bucketsIn, plannedView } from '../../../src/cli/shards/move-buckets.ts'
import { moveLine, shardsView } from '../../../src/cli/shards/show-shards.ts'
import type { MoveStatus } from '../../../src/runtime/shard-operating.ts'

const plain = (_: unknown, text: string): string => text

const MOVE: MoveStatus = {
  id: 3,
  from: 0,
  to: 4,
  buckets: 128,
  step: 'moved',
  isPaused: false,
  isAsked: false,
  canGoBack: true,
  verifiedRows: 1_000,
  pauseMs: 37.2,
  begunEpochMs: 0,
}

describe('tenfold shards', () => {
  test('shows what each shard has, and what can be done about moves', () => {
    const shards = [
      { shard: 0, buckets: 128, rows: 1_000, bytes: 2 ** 20 },
      { shard: 1, buckets: 0, rows: 0, bytes: 0 },
    ]
    const text = shardsView({ database: 'orders', epoch: 7, shards, moves: [MOVE] }, plain)
    expect(text).toContain('orders, map 7')
    expect(text).toMatch(/0 +128 +≈ 1000 +1MiB/)
    expect(text).toContain('move 3: 128 buckets from shard 0 to shard 4, moved (writes waited for 37ms)')
    expect(text).toContain('"npx tenfold shards move 3 --back" takes it back')
  })

  test('says what has stopped a move, and what to do', () => {
    const problem = { code: 'TF_MOVE_DIFFERS', message: 'rows differ', hint: 'compare them', isFinal: true }
    expect(moveLine({ ...MOVE, step: 'verifying', problem }, plain)).toBe(
      'move 3: 128 buckets from shard 0 to shard 4, verifying: 1000 rows are equal\n  rows differ\n  It has stopped: compare them',
    )
    expect(moveLine({ ...MOVE, isPaused: true, step: 'copying' }, plain)).toContain('--continue')
    expect(moveLine({ ...MOVE, canGoBack: false }, plain)).toContain('its way back is lost')
  })

  test('shows what would move', () => {
    expect(plannedView([])).toBe('Nothing has to move.')
    expect(plannedView([{ source: 0, target: 4, buckets: 1, rows: 10, bytes: 2_048 }])).toBe(
      '1 bucket from shard 0 to shard 4, ≈ 10 rows, 2KiB',
    )
  })

  test('understands lists of buckets', () => {
    expect(bucketsIn('3,16-18,17')).toEqual([3, 16, 17, 18])
    for (const text of ['', 'x', '3-', '9-3', '1,,2', '0-99999']) {
      expect(() => bucketsIn(text), text).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
    }
  })
})
