import { expect, test } from 'vitest'
import { spellingsOf, traceIdIn } from '../../src/control/trace-id.ts'

const ID = '3093946c0450423cb030df88ba5d1146'
const REQUEST_ID = '3093946c-0450-423c-b030-df88ba5d1146'

test.each([ID, ID.toUpperCase(), REQUEST_ID, `00-${ID}-00f067aa0ba902b7-01`])('finds the trace id in %s', (text) => {
  expect(traceIdIn(text)).toBe(ID)
})

test.each(['', 'order-17', ID.slice(1), `${ID}0`, `00-${ID}-01`])('finds none in %j', (text) => {
  expect(traceIdIn(text)).toBeUndefined()
})

test('knows both spellings of an id, and leaves what is none as it is', () => {
  expect(spellingsOf(ID)).toEqual([ID, REQUEST_ID])
  expect(spellingsOf(REQUEST_ID)).toEqual([ID, REQUEST_ID])
  expect(spellingsOf('order-17')).toEqual(['order-17'])
})
