import { expect, test } from 'vitest'
import { createListener } from '../../src/sql/listener.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { FakeSession } from './fake-session.ts'
import { fakeSession } from './fake-session.ts'

function bed() {
  const clock = virtualClock()
  const sessions: FakeSession[] = []
  const heard: string[] = []
  let fails = 0
  const listener = createListener({
    clock,
    channel: 'news',
    onNotification: (payload) => heard.push(payload),
    open() {
      if (fails-- > 0) return Promise.reject(new Error('down'))
      const session = fakeSession()
      sessions.push(session)
      return Promise.resolve(session)
    },
  })
  return { clock, sessions, heard, listener, failNext: (count: number) => void (fails = count) }
}

test('listens, says once that something may have been missed, and ends', async () => {
  const { clock, sessions, heard, listener } = bed()
  await clock.advance(0)
  expect(sessions[0]!.questions).toEqual(['listen "news"'])
  expect(heard).toEqual([''])
  await listener.end()
  await listener.end()
  expect(sessions[0]!.isClosed).toBe(true)
  await clock.advance('1m')
  expect(sessions).toHaveLength(1)
})

test('connects again when the connection is lost, and then again until that goes well', async () => {
  const { clock, sessions, heard, listener, failNext } = bed()
  await clock.advance(0)
  failNext(5)
  sessions[0]!.lose()
  await clock.advance('10s')
  expect(sessions).toHaveLength(2)
  expect(heard).toEqual(['', ''])
  await listener.end()
})
