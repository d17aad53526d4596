import { assert, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { movedArguments } from '../../src/service/moved-port.ts'

const move = { from: 3_000, to: 41_234, host: '127.0.0.1' }
const callback = (): void => undefined

describe('movedArguments', () => {
  test.each([
    ['a number', [3_000], [41_234]],
    ['text', ['3000', callback], [41_234, callback]],
    ['an address', [3_000, '0.0.0.0', 511, callback], [41_234, '0.0.0.0', 511, callback]],
    ['this machine by name', [3_000, 'localhost', callback], [41_234, '127.0.0.1', callback]],
    ['no address', [3_000, undefined, callback], [41_234, undefined, callback]],
    ['the port it was given, by name', [41_234, 'localhost'], [41_234, '127.0.0.1']],
  ])('moves a port that is %s', (_, given, expected) => expect(movedArguments(given, move)).toEqual(expected))

  test('moves the port of options, keeps the others, and leaves the object alone', () => {
    const options = Object.freeze({ port: '3000', host: 'localhost', backlog: 5, handle: undefined })
    expect(movedArguments([options, callback], move)).toEqual([
      { port: 41_234, host: '127.0.0.1', backlog: 5, handle: undefined },
      callback,
    ])
    expect(movedArguments([{ port: 3_000 }], move)).toEqual([{ port: 41_234, host: undefined }])
  })

  test.each([
    ['another port', [9_090, 'localhost']],
    ['any free port', [0]],
    ['no port', []],
    ['only a callback', [callback]],
    ['a pipe', ['/run/app.sock']],
    ['an empty name', ['']],
    ['a pipe in options', [{ path: '/run/app.sock' }]],
    ['an open socket', [{ fd: 3, port: 3_000 }]],
    ['a handle', [{ _handle: {}, port: 3_000 }]],
    ['nothing', [null]],
  ])('leaves %s alone', (_, given) => expect(movedArguments(given, move)).toBe(given))

  test('moves nothing that is not named when the program has no port of its own', () => {
    const none = { ...move, from: undefined }
    assert(
      property(integer({ min: 0, max: 41_233 }), (port) => {
        const given = [port, 'localhost']
        expect(movedArguments(given, none)).toBe(given)
      }),
    )
  })

  test('moved again, stays: the primary of a cluster listens for its workers', () => {
    const once = movedArguments([3_000, 'localhost', callback], move)
    expect(movedArguments(once, move)).toEqual(once)
  })
})
