import { expect, test } from 'vitest'
import { plannedMove } from '../../../src/shards/reshard/move.ts'
import { createMoveDriver } from '../../../src/shards/reshard/move-driver.ts'
import type { Move } from '../../../src/shards/reshard/move-store.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'

function move(id: number, changes: Partial<Move> = {}): Move {
  const at = new Date(0)
  return {
    id,
    version: 0,
    buckets: [id],
    epoch: undefined,
    wish: undefined,
    state: plannedMove(0, 1),
    begunAt: at,
    changedAt: at,
    ...changes,
  }
}

test('drives one move after the other, what was paused when it is asked to go on, and stops what it drives', async () => {
  const paused = move(2, { state: { ...plannedMove(0, 1), isPaused: true } })
  const open = new Map([move(1), paused, move(3)].map((each) => [each.id, each]))
  const driven: number[] = []
  const gates = new Map([1, 2, 3].map((id) => [id, Promise.withResolvers<Move>()]))
  const troubles: number[] = []
  const clock = virtualClock()
  const driver = createMoveDriver({
    clock,
    onTrouble: (id) => troubles.push(id),
    resharder: {
      list: async () => [...open.values()],
      drive(id, signal) {
        driven.push(id)
        signal.addEventListener('abort', () => gates.get(id)!.reject(signal.reason))
        return gates.get(id)!.promise
      },
    },
  })
  driver.start()
  await clock.advance(0)
  expect(driven).toEqual([1])
  open.delete(1)
  gates.get(1)!.resolve(move(1))
  await clock.advance(0)
  expect(driven).toEqual([1, 3])
  gates.get(3)!.reject(new Error('away'))
  await clock.advance(0)
  expect(troubles).toEqual([3])
  open.delete(3)
  open.set(2, { ...paused, wish: 'continue' })
  driver.wake()
  await clock.advance(0)
  expect(driven).toEqual([1, 3, 2])
  await driver.stop()
  driver.wake()
  expect(driven).toEqual([1, 3, 2])
})
