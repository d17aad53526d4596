import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { orAbortReason, unlessAborted } from '../../src/core/unless-aborted.ts'

const never = new Promise<never>(() => undefined)

test('gives what the work gives', async () => {
  await expect(unlessAborted(Promise.resolve(7), new AbortController().signal, 'a number')).resolves.toBe(7)
  await expect(unlessAborted(Promise.reject(new Error('no')), undefined, 'a number')).rejects.toThrow('no')
})

test('rejects as soon as the signal is aborted, also when it was before', async () => {
  const controller = new AbortController()
  const outcome = expect(unlessAborted(never, controller.signal, 'a number')).rejects.toMatchObject({
    code: 'TF_ABORTED',
    message: 'expected a number, but it was interrupted',
  })
  controller.abort()
  await outcome
  await expect(unlessAborted(Promise.resolve(7), controller.signal, 'a number')).rejects.toMatchObject({
    code: 'TF_ABORTED',
  })
})

test('a failure that comes after the abortion is nobody’s', async () => {
  const controller = new AbortController()
  const work = Promise.withResolvers<never>()
  const outcome = unlessAborted(work.promise, controller.signal, 'a number')
  controller.abort()
  await expect(outcome).rejects.toMatchObject({ code: 'TF_ABORTED' })
  // An unhandled rejection would fail the run.
  work.reject(new Error('late'))
})

test('the reason of the signal is the error where that says more', async () => {
  const reason = new Error('too late')
  await expect(orAbortReason(never, AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('nobody listens any more when it is over: a signal that lives for long would keep what listens to it', async () => {
  const { signal } = new AbortController()
  await orAbortReason(Promise.resolve(7), signal)
  await unlessAborted(Promise.resolve(7), signal, 'a number')
  await expect(orAbortReason(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
  expect(getEventListeners(signal, 'abort')).toEqual([])
})
