import { expect, test } from 'vitest'
import { createInterruption } from '../../src/cli/interruption.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

test('one Ctrl-C that arrives three times, from the terminal, npm and the launcher, is one wish', async () => {
  const clock = virtualClock()
  const { signal, hurry, interrupt } = createInterruption(() => undefined, clock)
  interrupt()
  await clock.advance(300)
  interrupt()
  await clock.advance(300)
  interrupt()
  expect([signal.aborted, hurry.aborted]).toEqual([true, false])
})

test('the second wish has no patience, and the third gives up', async () => {
  const clock = virtualClock()
  let isGivenUp = false
  const { signal, hurry, interrupt } = createInterruption(() => (isGivenUp = true), clock)
  const seen: unknown[] = []
  for (let i = 0; i < 3; i++) {
    interrupt()
    seen.push([signal.aborted, hurry.aborted, isGivenUp])
    await clock.advance(1_500)
  }
  expect(seen).toEqual([
    [true, false, false],
    [true, true, false],
    [true, true, true],
  ])
})
