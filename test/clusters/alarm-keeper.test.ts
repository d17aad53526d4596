import { expect, test } from 'vitest'
import { createAlarmKeeper } from '../../src/clusters/alarm-keeper.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

test('keeps the time at which the trouble began while its reason changes, and tells of each change once', async () => {
  const clock = virtualClock({ epochMs: 1_000 })
  let changes = 0
  const keeper = createAlarmKeeper(clock, () => changes++)
  const isWell = { step: 'none', isWell: true, reason: 'the standby keeps up' } as const
  keeper.judge(isWell, true)
  expect([keeper.alarm, changes]).toEqual([undefined, 0])
  keeper.judge({ step: 'none', reason: 'it is catching up' }, true)
  keeper.judge({ step: 'none', reason: 'it is catching up' }, true)
  await clock.advance('5s')
  const reason = 'no standby has all writes: it is catching up'
  expect([keeper.alarm, changes]).toEqual([{ reason, sinceEpochMs: 1_000 }, 1])
  keeper.judge(isWell, false)
  expect(keeper.alarm).toEqual({ reason: 'the primary does not answer', sinceEpochMs: 1_000 })
  keeper.raise('the disk is full')
  keeper.judge(isWell, true)
  expect([keeper.alarm, changes]).toEqual([undefined, 4])
})
