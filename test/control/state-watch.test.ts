import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { StateCondition, StateRoom } from '../../src/control/state-watch.ts'
import { createStateWatch, judgeRoom } from '../../src/control/state-watch.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory } from '../fleet/temporary-directory.ts'

const MIB = 1024 ** 2

function room(freeMib: number, totalMib = 100_000): StateRoom {
  return { freeBytes: freeMib * MIB, totalBytes: totalMib * MIB }
}

describe('the room that is left', () => {
  test.each<[StateCondition, StateRoom, StateCondition]>([
    ['fine', room(300), 'fine'],
    ['fine', room(255), 'low'],
    ['low', room(300), 'low'],
    ['low', room(513), 'fine'],
    ['low', room(7), 'full'],
    ['full', room(15), 'full'],
    ['full', room(17), 'low'],
    ['full', room(600), 'fine'],
    ['fine', room(20, 100), 'fine'],
    ['fine', room(4, 100), 'low'],
    ['fine', room(0.5, 100), 'full'],
    ['full', 'gone', 'gone'],
    ['gone', room(300), 'fine'],
    ['fine', 'read-only', 'read-only'],
  ])('after %s a look at %j is judged %s', (before, seen, expected) => {
    expect(judgeRoom(before, seen)).toBe(expected)
  })
})

/** A watch of what `see` is told, and what it has said. */
function watched(first: StateRoom) {
  const clock = virtualClock()
  const said: string[] = []
  let seen: StateRoom | Error = first
  const watch = createStateWatch({
    directory: '/state',
    clock,
    onNotice: ({ level, message }) => said.push(`${level}: ${message}`),
    look: async () => {
      if (seen instanceof Error) throw seen
      return seen
    },
  })
  const see = async (next: StateRoom | Error, looks = 1): Promise<void> => {
    seen = next
    for (let i = 0; i < looks; i++) await clock.advance(5_000)
  }
  return { watch, said, see, clock }
}

describe('the watch of the state', () => {
  test('says once that the disk is nearly full, full, and has room again', async () => {
    const { watch, said, see, clock } = watched(room(10_000))
    await watch.start()
    await see(room(10_000), 10)
    await see(room(100), 10)
    await see(room(1), 100)
    await see(new Error('the network file system does not answer'))
    await see(room(10_000), 10)
    expect(said).toEqual([
      'warning: the disk of /state is nearly full',
      'error: the disk of /state is full',
      'info: the disk of /state has room again',
    ])
    await watch.stop()
    expect(clock.pending).toBe(0)
  })

  test('says that the file system can not be written any more, or is gone', async () => {
    const { watch, said, see } = watched(room(10_000))
    await watch.start()
    await see('read-only', 3)
    await see('gone', 3)
    expect(said).toEqual([
      "error: the file system of /state can't be written any more",
      'error: the state directory /state is gone',
    ])
    await watch.stop()
  })

  test('sees by itself that the directory is gone', async () => {
    const directory = temporaryDirectory()
    const said: string[] = []
    const clock = virtualClock()
    const watch = createStateWatch({ directory, clock, onNotice: ({ message }) => said.push(message) })
    await watch.start()
    rmSync(directory, { recursive: true })
    const giveUpMs = performance.now() + 10_000
    while (said.length === 0 && performance.now() < giveUpMs) await clock.advance(5_000)
    await watch.stop()
    expect(said).toEqual([`the state directory ${directory} is gone`])
  })
})
