import { expect, test } from 'vitest'
import { STALLED_MS_MAX, createAlarmKeeper } from '../../src/clusters/alarm-keeper.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

test('keeps the time at which the trouble began while its reason changes, and tells of each change once', async () => {
  const clock = virtualClock({ epochMs: 1_000 })
  let changes = 0
  const keeper = createAlarmKeeper(clock, () => changes++)
  const isWell = { step: 'none', isWell: true, reason: 'the standby keeps up' } as const
  const answers = { answers: true, stalledMs: 0 }
  keeper.judge(isWell, answers)
  keeper.judge(isWell, { answers: true, stalledMs: STALLED_MS_MAX - 1 })
  expect([keeper.alarm, changes]).toEqual([undefined, 0])
  keeper.judge({ step: 'none', reason: 'it is catching up' }, answers)
  keeper.judge({ step: 'none', reason: 'it is catching up' }, answers)
  await clock.advance('5s')
  const reason = 'no standby has all writes: it is catching up'
  expect([keeper.alarm, changes]).toEqual([{ reason, sinceEpochMs: 1_000 }, 1])
  keeper.judge(isWell, { answers: false, stalledMs: 0 })
  expect(keeper.alarm).toEqual({ reason: 'the primary does not answer', sinceEpochMs: 1_000 })
  keeper.judge(isWell, { answers: true, stalledMs: STALLED_MS_MAX })
  expect(keeper.alarm?.reason).toBe('writes wait for the disk of the primary')
  keeper.raise('the disk is full')
  keeper.judge(isWell, answers)
  expect([keeper.alarm, changes]).toEqual([undefined, 5])
})
