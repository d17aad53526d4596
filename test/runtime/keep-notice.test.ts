import { expect, test } from 'vitest'
import type { Notice } from '../../src/control/snapshot.ts'
import { keepNotice } from '../../src/runtime/keep-notice.ts'

function said(message: string, atEpochMs: number): Notice {
  return { level: 'warning', message, atEpochMs }
}

test('one text is kept once, and what is repeated within a minute changes nothing', () => {
  const first = keepNotice(keepNotice([], said('the disk is full', 0)), said('other', 1))
  expect(keepNotice(first, said('the disk is full', 59_999))).toBe(first)
  expect(keepNotice(first, said('the disk is full', 60_000))).toEqual([
    said('other', 1),
    said('the disk is full', 60_000),
  ])
})

test('a clock that was set back by hours does not silence what is said', () => {
  const notices = keepNotice([], said('the disk is full', 7_200_000))
  expect(keepNotice(notices, said('the disk is full', 0))).toEqual([said('the disk is full', 0)])
})

test('only the latest twenty are kept', () => {
  let notices: readonly Notice[] = []
  for (let i = 0; i < 30; i++) notices = keepNotice(notices, said(`${i}`, i))
  expect(notices.map(({ message }) => message)).toEqual(Array.from({ length: 20 }, (_, i) => `${i + 10}`))
})

test('what is about the same takes the place of what was said before', () => {
  const full = { ...said('the disk is full', 0), about: 'disk' }
  const room = { ...said('the disk has room again', 1), about: 'disk' }
  expect(keepNotice([full, said('other', 0)], room)).toEqual([said('other', 0), room])
})
