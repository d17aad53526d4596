import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ReleaseEntry } from '../../src/control/snapshot.ts'
import type { ReleaseHistory } from '../../src/fleet/release-history.ts'
import {
  currentRelease,
  formerRelease,
  heldBackBecause,
  lastReleased,
  releasesToKeep,
  withEntry,
  withOutcome,
  withRollback,
  withServices,
} from '../../src/fleet/release-history.ts'

function released(history: ReleaseHistory, release: string, atEpochMs = 1, service = 'web'): ReleaseHistory {
  return withEntry(history, service, { release, atEpochMs, by: 'release', state: 'released' })
}

const under = (release: string): ReleaseEntry => ({ release, atEpochMs: 9, by: 'release', state: 'under-way' })
const back = { atEpochMs: 10, reason: 'asked for' }
const three = released(released(released({}, 'a'), 'b'), 'c')

describe('the history of releases', () => {
  test('knows what runs, and what ran before', () => {
    expect(currentRelease(three, 'web')?.release).toBe('c')
    expect(formerRelease(three, 'web')?.release).toBe('b')
    expect(formerRelease(released({}, 'a'), 'web')).toBeUndefined()
    expect(currentRelease({}, 'web')).toBeUndefined()
  })

  test('takes a release that runs already for no news', () => {
    expect(released(three, 'c')).toEqual(three)
  })

  test('goes further back with each rollback, and forward with the next release', () => {
    const once = withRollback(three, 'web', 'b', back)
    expect([currentRelease(once, 'web')?.release, formerRelease(once, 'web')?.release]).toEqual(['b', 'a'])
    expect(heldBackBecause(once, 'web', 'c')).toBe('was rolled back: asked for')
    const twice = withRollback(once, 'web', 'a', back)
    expect([currentRelease(twice, 'web')?.release, formerRelease(twice, 'web')]).toEqual(['a', undefined])
    const again = released(twice, 'c')
    expect([currentRelease(again, 'web')?.release, formerRelease(again, 'web')?.release]).toEqual(['c', 'a'])
    expect(heldBackBecause(again, 'web', 'c')).toBeUndefined()
  })

  test('goes back to one that had been rolled back, when it is named', () => {
    const once = withRollback(three, 'web', 'b', back)
    const named = withRollback(once, 'web', 'c', back)
    expect(currentRelease(named, 'web')).toMatchObject({ release: 'c', by: 'rollback' })
  })

  test('does not count what is under way, was rolled back or interrupted as running', () => {
    const begun = withEntry(three, 'web', under('d'))
    expect(currentRelease(begun, 'web')?.release).toBe('c')
    const failed = withOutcome(begun, 'web', { state: 'rolled-back', reason: 'it crashed' })
    expect(currentRelease(failed, 'web')?.release).toBe('c')
    expect(heldBackBecause(failed, 'web', 'd')).toBe('was rolled back: it crashed')
    expect(currentRelease(withOutcome(begun, 'web', { state: 'released' }), 'web')?.release).toBe('d')
    const interrupted = withEntry(begun, 'web', under('e'))
    expect(interrupted['web']?.map(({ state }) => state).slice(0, 2)).toEqual(['under-way', 'interrupted'])
  })

  test('holds back what was cut short until it has been released, and an apply never', () => {
    const cutShort = withEntry(three, 'web', under('d'))
    const reason = expect.stringContaining('in the middle of its release')
    expect(heldBackBecause(cutShort, 'web', 'd')).toEqual(reason)
    const started = withEntry(cutShort, 'web', { release: 'c', atEpochMs: 11, by: 'up', state: 'released' })
    expect(heldBackBecause(started, 'web', 'd')).toEqual(reason)
    expect(currentRelease(started, 'web')?.release).toBe('c')
    // The sources have been edited since.
    expect(heldBackBecause(started, 'web', 'e')).toBeUndefined()
    const again = withOutcome(withEntry(started, 'web', under('d')), 'web', { state: 'released' })
    expect(heldBackBecause(again, 'web', 'd')).toBeUndefined()
    const applied = withEntry(three, 'web', { ...under('d'), by: 'apply' })
    expect(heldBackBecause(applied, 'web', 'd')).toBeUndefined()
  })

  test('keeps three releases that ran and the one under way', () => {
    expect(releasesToKeep(withEntry(released(three, 'd'), 'web', under('e')), 'web')).toEqual(['e', 'd', 'c', 'b'])
  })

  test('names the services that the last release changed', () => {
    const both = released(released(released(released({}, 'a', 1), 'a', 1, 'api'), 'b', 2), 'b', 2, 'api')
    expect(lastReleased(both)).toEqual(['web', 'api'])
    expect(lastReleased(released(both, 'c', 3, 'api'))).toEqual(['api'])
    expect(lastReleased(released({}, 'a'))).toEqual([])
  })

  test('forgets services that are gone', () => {
    expect(withServices(released(three, 'a', 1, 'api'), ['api', 'new'])).toEqual({ api: expect.any(Array) })
  })

  test('stays small, and never forgets what can be gone back to', () => {
    const change = fc.record({
      release: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      kind: fc.constantFrom('released', 'failed', 'back'),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        let history: ReleaseHistory = {}
        let ran: string[] = []
        for (const { release, kind } of changes) {
          const former = formerRelease(history, 'web')?.release
          if (kind === 'released') {
            history = released(history, release)
            if (ran[0] !== release) ran = [release, ...ran]
          } else if (kind === 'failed') {
            history = withOutcome(withEntry(history, 'web', under(release)), 'web', { state: 'rolled-back' })
          } else if (former !== undefined) {
            history = withRollback(history, 'web', former, back)
            ran = ran.slice(ran.findIndex((each, index) => index > 0 && each === former))
          }
          expect(history['web']?.length ?? 0).toBeLessThanOrEqual(10)
          expect(currentRelease(history, 'web')?.release).toBe(ran[0])
          expect(releasesToKeep(history, 'web').length).toBeLessThanOrEqual(3)
        }
      }),
    )
  })
})
