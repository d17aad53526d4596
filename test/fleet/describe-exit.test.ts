import { describe, expect, test } from 'vitest'
import { describeExit } from '../../src/fleet/describe-exit.ts'

const exited = { code: 1, signal: undefined }

describe('how an instance ended', () => {
  test.each<[readonly string[], string]>([
    [[], 'exited with code 1'],
    [['starting', 'gone', ''], 'exited with code 1: gone'],
    [
      ['at x.ts:1', '', 'TypeError: menu is not a function', '    at serve (x.ts:1)', '', 'Node.js v26.10.0'],
      'exited with code 1: TypeError: menu is not a function',
    ],
    [['Error [ERR_X]: no', 'later words'], 'exited with code 1: Error [ERR_X]: no'],
    [['FATAL: no disk', 'bye'], 'exited with code 1: FATAL: no disk'],
    [['x'.repeat(1_000)], `exited with code 1: ${'x'.repeat(300)}`],
  ])('of %j it says the line that tells most', (lines, expected) => {
    expect(describeExit(exited, lines)).toBe(expected)
  })

  test('says the signal, and does not take chatter for a reason', () => {
    expect(describeExit({ code: undefined, signal: 'SIGKILL' }, ['listening'])).toBe('was ended by SIGKILL')
  })

  test('says that the memory limit was reached, also when a shell passes it on', () => {
    const limit = 256 * 1024 ** 2
    for (const status of [
      { code: undefined, signal: 'SIGKILL' as const },
      { code: 137, signal: undefined },
    ]) {
      const text = describeExit({ ...status, isOverMemory: true }, ['Killed'], limit)
      expect(text).toBe('was killed: over its memory limit 256MiB')
    }
  })
})
