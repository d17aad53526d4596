import { describe, expect, it } from 'vitest'
import type { GeneratorHealth } from '../../src/load/validity.ts'
import { judgeValidity } from '../../src/load/validity.ts'

const healthy: GeneratorHealth = {
  lagMsP99: 5,
  elu: 0.85,
  planned: 1_000,
  offered: 995,
  overflowed: 0,
  localProblems: 0,
}

describe('the validity of a run', () => {
  it('holds at every bound', () => {
    expect(judgeValidity(healthy)).toEqual({ state: 'valid' })
  })

  it.each([
    [{ lagMsP99: 5.1 }, 'expected the generator to send within 5 ms (p99), got 5.1 ms'],
    [{ elu: 0.86 }, "expected the generator's event loop to be busy at most 0.85, got 0.86"],
    [{ offered: 994 }, 'expected 1000 sessions to be offered, got 994'],
    [{ overflowed: 1 }, 'expected room for every due request, got 1 for which there was none'],
    [{ localProblems: 2 }, 'expected a port and a file for every connection, got 2 that had none'],
  ])('ends with %j', (change, reason) => {
    expect(judgeValidity({ ...healthy, ...change })).toEqual({ state: 'generator-bound', reasons: [reason] })
  })

  it('allows lag of a tenth of the latency bound', () => {
    expect(judgeValidity({ ...healthy, lagMsP99: 19 }, 200).state).toBe('valid')
    expect(judgeValidity({ ...healthy, lagMsP99: 21 }, 200).state).toBe('generator-bound')
  })
})
