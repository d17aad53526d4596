import { describe, expect, test } from 'vitest'
import { judgeRecovery } from '../../src/drills/judge-recovery.ts'

const GOOD = { timeMs: 400, lossMs: 0, acknowledged: 1_000, lost: 0, duplicated: 0, unknown: 0 }
const UNSAID = { timeMs: undefined, lossMs: undefined }
const TARGETS = { timeMs: 900_000, lossMs: 0 }

function isGood(...args: Parameters<typeof judgeRecovery>): readonly boolean[] {
  return judgeRecovery(...args).map((finding) => finding.isGood)
}

describe('the judgement of a recovery', () => {
  test('is good when both targets are met', () => {
    expect(isGood(GOOD, TARGETS)).toEqual([true, true])
  })

  test('is bad when it took longer than the target', () => {
    expect(isGood({ ...GOOD, timeMs: 900_001 }, TARGETS)).toEqual([false, true])
  })

  test('counts a single lost write under a target of nothing, though it spans no time', () => {
    expect(isGood({ ...GOOD, lost: 1 }, TARGETS)).toEqual([true, false])
    expect(isGood({ ...GOOD, lost: 1 }, UNSAID)).toEqual([true, false])
  })

  test('allows losses within a target that allows some', () => {
    expect(isGood({ ...GOOD, lost: 9, lossMs: 4_000 }, { timeMs: 1_000, lossMs: 10_000 })).toEqual([true, true])
    expect(isGood({ ...GOOD, lost: 9, lossMs: 11_000 }, { timeMs: 1_000, lossMs: 10_000 })).toEqual([true, false])
  })

  test('never forgives rows that are there twice or that were refused', () => {
    expect(isGood({ ...GOOD, duplicated: 1, unknown: 1 }, UNSAID)).toEqual([true, true, false, false])
  })

  test('says nothing where nothing was acknowledged', () => {
    expect(isGood({ ...GOOD, acknowledged: 0 }, TARGETS)).toEqual([false])
  })
})
