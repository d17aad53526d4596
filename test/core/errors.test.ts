import { describe, expect, it } from 'vitest'
import { hasCode, messageOf, TenfoldError } from '../../src/core/errors.ts'

describe('a Tenfold error', () => {
  it('carries code, hint, details and cause', () => {
    const cause = new Error('refused')
    const error = new TenfoldError('TF_TIMEOUT', 'expected an answer', { hint: 'look', details: { port: 1 }, cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'TenfoldError', code: 'TF_TIMEOUT', hint: 'look', details: { port: 1 }, cause })
  })

  it('has no cause and no hint where none was given', () => {
    const error = new TenfoldError('TF_TIMEOUT', 'expected an answer')
    expect('cause' in error).toBe(false)
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'TF_TIMEOUT',
      message: 'expected an answer',
      details: {},
    })
  })

  it('becomes plain data for --json', () => {
    const error = new TenfoldError('TF_TIMEOUT', 'expected an answer', { hint: 'look', details: { port: 1 } })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'TF_TIMEOUT',
      message: 'expected an answer',
      hint: 'look',
      details: { port: 1 },
    })
  })

  it('is told by its code, also when another copy of the package threw it', () => {
    expect(hasCode(new TenfoldError('TF_TIMEOUT', 'late'), 'TF_TIMEOUT')).toBe(true)
    expect(hasCode({ code: 'TF_TIMEOUT' }, 'TF_TIMEOUT')).toBe(true)
    expect(hasCode(new TenfoldError('TF_ABORTED', 'ended'), 'TF_TIMEOUT')).toBe(false)
    for (const other of [undefined, null, 'TF_TIMEOUT', 5]) expect(hasCode(other, 'TF_TIMEOUT')).toBe(false)
  })

  it('finds the message of anything that was thrown', () => {
    expect([new Error('a'), 'b', 5, undefined].map(messageOf)).toEqual(['a', 'b', '5', 'undefined'])
  })
})
