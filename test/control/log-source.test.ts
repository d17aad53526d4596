import { expect, test } from 'vitest'
import type { LogLine, LogSource } from '../../src/control/log-source.ts'
import { followLines } from '../../src/control/log-source.ts'

/** A source that prints what a test tells it to. */
function printer(): LogSource & { print(line: LogLine): void; readonly listeners: number } {
  const listeners = new Set<(line: LogLine) => void>()
  return {
    last: async () => [],
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    print: (line) => listeners.forEach((listener) => listener(line)),
    get listeners() {
      return listeners.size
    },
  }
}

const lineOf = (service: string, line: string): LogLine => ({ service, instance: `${service}-1`, line })

test('gives what was printed since the call, and only what is wanted', async () => {
  const source = printer()
  const lines = followLines(source, ({ service }) => service === 'api', new AbortController().signal)
  source.print(lineOf('api', 'first'))
  source.print(lineOf('web', 'not for us'))
  source.print(lineOf('api', 'second'))
  expect((await lines.next()).value).toMatchObject({ line: 'first' })
  expect((await lines.next()).value).toMatchObject({ line: 'second' })
})

test('keeps the newest lines for a slow reader and says how many are missing', async () => {
  const source = printer()
  const lines = followLines(source, () => true, new AbortController().signal)
  for (let i = 0; i < 10_003; i++) source.print(lineOf('api', String(i)))
  expect((await lines.next()).value?.line).toContain('3 lines left out')
  expect((await lines.next()).value?.line).toBe('3')
})

test('ends with the signal and leaves nothing behind', async () => {
  const source = printer()
  const ending = new AbortController()
  const lines = followLines(source, () => true, ending.signal)
  const next = lines.next()
  ending.abort()
  expect((await next).done).toBe(true)
  expect(source.listeners).toBe(0)
})
