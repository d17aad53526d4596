import { expect, test } from 'vitest'
import { notReady } from '../../src/fleet/not-ready.ts'

const reason = 'ended with code 1'

test('says what it printed, and what to do', () => {
  const error = notReady('web-1', { reason, lastLines: ['no such table'] })
  expect(error.message).toBe('expected web-1 to become ready, but it ended with code 1\n    no such table')
  expect(error.hint).toContain('start timeout')
})

test.each([
  "Error: EACCES: permission denied, open '/releases/1/vite.config.ts.timestamp-1.mjs'",
  'sh: 1: cannot create log: Permission denied',
  'OSError: [Errno 30] Read-only file system',
])('tells a program that may not write from one that is slow: %s', (line) => {
  expect(notReady('web-1', { reason, lastLines: ['starting', line] }).hint).toContain('below $HOME')
})
