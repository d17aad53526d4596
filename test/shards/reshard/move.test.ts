import { array, assert, constantFrom, oneof, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MoveEvent, MoveState, MoveWish } from '../../../src/shards/reshard/move.ts'
import { directionOf, isOver, isResting, moveAfter, moveWished, plannedMove } from '../../../src/shards/reshard/move.ts'

const STREAM = { timelines: { from: 1, to: 1 } }

function through(...events: readonly (MoveEvent | MoveWish)[]): MoveState {
  return events.reduce(next, plannedMove(0, 1))
}

/** As a mover does: streams are known when they have been made. */
function next(state: MoveState, event: MoveEvent | MoveWish): MoveState {
  if (isWish(event)) return moveWished(state, event)
  const made: Partial<MoveState> =
    event === 'prepared'
      ? { stream: STREAM }
      : event === 'accepted' && state.step === 'flipping'
        ? { back: STREAM }
        : {}
  return moveAfter({ ...state, ...made }, event)
}

function isWish(event: MoveEvent | MoveWish): event is MoveWish {
  return ['pause', 'continue', 'abort', 'back', 'finish'].includes(event)
}

const THERE = ['begun', 'prepared', 'copied', 'verified', 'accepted', 'turned'] as const

describe('a move', () => {
  test('goes from plan to done, and rests before what can not be taken back', () => {
    const moved = through(...THERE)
    expect(moved).toMatchObject({ step: 'moved', turn: 0, back: STREAM, stream: undefined })
    expect(isResting(moved)).toBe(true)
    expect(through(...THERE, 'finish', 'cleared').step).toBe('done')
  })

  test('that is taken back compares again and goes the other way', () => {
    const back = through(...THERE, 'back')
    expect(back).toMatchObject({ step: 'verifying', turn: 1, stream: STREAM, back: undefined })
    expect(directionOf(back)).toEqual({ from: 1, to: 0 })
    expect(through(...THERE, 'back', 'verified', 'accepted', 'turned')).toMatchObject({
      step: 'moved',
      turn: 1,
      back: STREAM,
    })
  })

  test('whose way back is given up, or lost, is moved as before', () => {
    expect(through(...THERE, 'back', 'abort', 'cleared')).toMatchObject({ step: 'moved', turn: 0, back: STREAM })
    const lost = through(...THERE, 'back', 'lost', 'cleared')
    expect(lost).toMatchObject({ step: 'moved', turn: 0, back: undefined })
    expect(() => moveWished(lost, 'back')).toThrow('its way back is lost')
    expect(moveWished(lost, 'finish').step).toBe('finishing')
  })

  test('begins anew after a failover, until the buckets have changed hands', () => {
    for (const events of [['begun'], ['begun', 'prepared'], ['begun', 'prepared', 'copied', 'verified']] as const) {
      expect(through(...events, 'lost')).toMatchObject({ step: 'preparing', stream: undefined, restarts: 1 })
    }
    expect(through('begun', 'prepared', 'copied', 'verified', 'accepted', 'lost')).toMatchObject({
      step: 'moved',
      back: undefined,
    })
  })

  test('that has changed hands before it could be aborted has moved', () => {
    expect(through('begun', 'prepared', 'copied', 'verified', 'abort', 'accepted').step).toBe('turning')
  })

  test.each([
    ['abort', THERE],
    ['back', ['begun']],
    ['finish', ['begun', 'prepared']],
    ['pause', [...THERE, 'finish', 'cleared']],
    ['continue', ['abort']],
  ] as const)('refuses to %s in the wrong step, and says what to do', (wish, events) => {
    expect(() => moveWished(through(...events), wish)).toThrow(
      expect.objectContaining({ code: 'TF_MOVE_REFUSED', hint: expect.any(String) }),
    )
  })

  test('never is over without having been cleared, whatever is asked and whatever happens', () => {
    const events: readonly MoveEvent[] = [...THERE, 'lost', 'cleared']
    const wishes: readonly MoveWish[] = ['pause', 'continue', 'abort', 'back', 'finish']
    assert(
      property(array(oneof(constantFrom(...events), constantFrom(...wishes)), { maxLength: 40 }), (happened) => {
        let state = plannedMove(0, 1)
        for (const event of happened) {
          let later: MoveState
          try {
            later = next(state, event)
          } catch {
            continue
          }
          const wasStarted = state.step !== 'planned'
          if (isOver(later.step) && wasStarted) expect(event).toBe('cleared')
          // Who has the buckets changes by one event only.
          const owner = (of: MoveState): number =>
            ['turning', 'moved', 'finishing', 'done'].includes(of.step) ? directionOf(of).to : directionOf(of).from
          if (wasStarted && event !== 'accepted')
            expect([state.step, event, owner(later)]).toEqual([state.step, event, owner(state)])
          state = later
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
