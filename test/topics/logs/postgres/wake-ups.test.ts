import { describe, expect, test } from 'vitest'
import { virtualClock } from '../../../../src/testing/virtual-clock.ts'
import { createNotifier, readWakeUp } from '../../../../src/topics/logs/postgres/wake-ups.ts'

function bed() {
  const clock = virtualClock()
  const sent: string[] = []
  const notifier = createNotifier({ clock, origin: 'me', send: async (payload) => void sent.push(payload) })
  return { clock, sent, notifier }
}

describe('wake-ups', () => {
  test('go at once, and then together once in the interval', async () => {
    const { clock, sent, notifier } = bed()
    notifier.wake(1, [0])
    expect(sent).toEqual(['me 1.0'])
    notifier.wake(1, [1])
    notifier.wake(1, [1, 2])
    await clock.advance(9)
    expect(sent).toHaveLength(1)
    await clock.advance(1)
    expect(sent).toEqual(['me 1.0', 'me 1.1 1.2'])
    await clock.advance('1s')
    expect(sent).toHaveLength(2)
    expect(clock.pending).toBe(0)
  })

  test('name nobody when they would have to name too many', async () => {
    const { clock, sent, notifier } = bed()
    notifier.wake(1, [0])
    notifier.wake(
      2,
      Array.from({ length: 500 }, (_, n) => n),
    )
    await clock.advance(10)
    expect(sent[1]).toBe('me')
  })

  test('are said before the end, and none is lost by an error', async () => {
    const clock = virtualClock()
    const sent: string[] = []
    const notifier = createNotifier({
      clock,
      origin: 'me',
      async send(payload) {
        sent.push(payload)
        throw new Error('the database is away')
      },
    })
    notifier.wake(1, [0])
    notifier.wake(1, [1])
    await notifier.end()
    expect(sent).toEqual(['me 1.0', 'me 1.1'])
  })

  test('are understood, and everything else, and what one has said oneself, is left out', () => {
    const heard: unknown[] = []
    const read = (payload: string): void => readWakeUp(payload, (...names) => heard.push(names), 'me')
    read('other 1.0 12.3')
    read('')
    read('other')
    read('other who.knows 1')
    read('me 1.0')
    expect(heard).toEqual([
      [1, 0],
      [12, 3],
      [undefined, undefined],
      [undefined, undefined],
    ])
  })
})
