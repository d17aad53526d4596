import { describe, expect, it } from 'vitest'
import type { Failure } from '../../../src/gateway/limits/retry-rule.ts'
import { canRetry } from '../../../src/gateway/limits/retry-rule.ts'

const reset = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' })
const stale: Failure = {
  isSent: true,
  hasAnswerBytes: false,
  hasBody: false,
  method: 'GET',
  error: reset,
}

describe('canRetry', () => {
  it('repeats whatever was never sent', () => {
    expect(canRetry({ ...stale, isSent: false, method: 'POST', hasBody: true, error: new Error('refused') })).toBe(true)
  })

  it('repeats what met a connection that was closed as idle, or an instance that was killed', () => {
    expect(canRetry(stale)).toBe(true)
  })

  it.each([
    ['an answer that had begun', { hasAnswerBytes: true }],
    ['a body', { hasBody: true }],
    ['a method that may not be repeated', { method: 'POST' }],
    ['a PATCH', { method: 'PATCH' }],
    ['an error other than a reset', { error: new Error('parser') }],
  ])('does not repeat after %s', (_name, difference) => {
    expect(canRetry({ ...stale, ...difference })).toBe(false)
  })
})
