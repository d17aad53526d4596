import { expect, test } from 'vitest'
import { startTogether } from '../../src/runtime/start-together.ts'

const never = new AbortController().signal

test('resolves when every task has', async () => {
  const done: string[] = []
  await startTogether(never, [
    async () => void done.push('one'),
    async () => {
      await Promise.resolve()
      done.push('two')
    },
  ])
  expect(done).toEqual(['one', 'two'])
})

test('a failure aborts the others, and is thrown once they have ended', async () => {
  let hasEnded = false
  const outcome = startTogether(never, [
    () => Promise.reject(new Error('first')),
    async (signal) => {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await Promise.resolve()
      hasEnded = true
      throw new Error('aborted, and not what went wrong first')
    },
  ])
  await expect(outcome).rejects.toThrow('first')
  expect(hasEnded).toBe(true)
})

test('passes on the abortion from outside', async () => {
  const controller = new AbortController()
  const seen: boolean[] = []
  const outcome = startTogether(controller.signal, [
    async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      seen.push(signal.aborted)
    },
  ])
  controller.abort()
  await outcome
  expect(seen).toEqual([true])
})

test('a task that throws before it returns a promise is a failure like any other', async () => {
  const outcome = startTogether(never, [
    () => {
      throw new Error('at once')
    },
  ])
  await expect(outcome).rejects.toThrow('at once')
})
