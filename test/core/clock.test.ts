import { describe, expect, it } from 'vitest'
import { sleep, systemClock, withTimeout } from '../../src/core/clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

describe('the system clock', () => {
  it('never calls back early', async () => {
    for (let i = 0; i < 20; i++) {
      const startMs = systemClock.nowMs()
      await new Promise<void>((resolve) => void systemClock.schedule(3, resolve))
      expect(systemClock.nowMs() - startMs).toBeGreaterThanOrEqual(3)
    }
  })

  it.each([2 ** 31, Number.POSITIVE_INFINITY])(
    'waits for a delay of %d ms, which no timer of Node can hold',
    async (delayMs) => {
      let isCalled = false
      const cancel = systemClock.schedule(delayMs, () => (isCalled = true))
      await new Promise<void>((resolve) => void systemClock.schedule(5, resolve))
      cancel()
      expect(isCalled).toBe(false)
    },
  )

  it('does not call back once cancelled, and takes a second cancel', async () => {
    let calls = 0
    const cancel = systemClock.schedule(1, () => calls++)
    cancel()
    cancel()
    const cancelEvery = systemClock.every(1, () => {
      calls++
      cancelEvery()
    })
    await new Promise<void>((resolve) => void systemClock.schedule(8, resolve))
    expect(calls).toBe(1)
  })

  it('tells wall-clock time', () => {
    expect(Math.abs(systemClock.epochMs() - Date.now())).toBeLessThan(1_000)
  })
})

describe('sleep', () => {
  it('resolves when the time is over, not before', async () => {
    const clock = virtualClock()
    let isAwake = false
    const slept = sleep(clock, 1_000).then(() => (isAwake = true))
    await clock.advance(999)
    expect(isAwake).toBe(false)
    await clock.advance(1)
    await slept
    expect(isAwake).toBe(true)
  })

  it('rejects and frees its timer as soon as it is aborted', async () => {
    const clock = virtualClock()
    const abort = new AbortController()
    const slept = sleep(clock, 1_000, abort.signal)
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(slept).rejects.toMatchObject({ code: 'TF_ABORTED', cause: reason })
    expect(clock.pending).toBe(0)
  })

  it('rejects at once when the signal is aborted already', async () => {
    const clock = virtualClock()
    await expect(sleep(clock, 1_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'TF_ABORTED' })
    expect(clock.pending).toBe(0)
  })
})

describe('withTimeout', () => {
  it('gives what the work gives, and frees its timer', async () => {
    const clock = virtualClock()
    await expect(withTimeout(clock, 100, 'the answer', Promise.resolve(42))).resolves.toBe(42)
    const failure = new Error('no')
    await expect(withTimeout(clock, 100, 'the answer', Promise.reject(failure))).rejects.toBe(failure)
    expect(clock.pending).toBe(0)
  })

  it('fails when the time is over, naming the work', async () => {
    const clock = virtualClock()
    const late = withTimeout(clock, 100, 'the first connection', new Promise(() => {}))
    const outcome = expect(late).rejects.toMatchObject({
      code: 'TF_TIMEOUT',
      message: 'expected the first connection within 100 ms',
    })
    await clock.advance(100)
    await outcome
  })
})
