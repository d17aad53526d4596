import { describe, expect, it } from 'vitest'
import { readStrictly } from './strict-http-for-tests.ts'

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'

describe('the reader that the others are measured by', () => {
  it('reads requests one after the other', () => {
    const post = 'POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz'
    const chunked =
      'POST /c HTTP/1.1\r\nhost:a\r\nTransfer-Encoding: Chunked\r\n\r\n2;e=1\r\nxy\r\n1\r\nz\r\n0\r\nT: t\r\n\r\n'
    const { requests, problem } = readStrictly(`${GET}${post}\r\n${chunked}${GET}`)
    expect(problem).toBeUndefined()
    expect(requests.map(({ method, target, body }) => [method, target, body])).toEqual([
      ['GET', '/a', ''],
      ['POST', '/b', 'xyz'],
      ['POST', '/c', 'xyz'],
      ['GET', '/a', ''],
    ])
  })

  it.each([
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx'],
    [
      'a length and an encoding',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an encoding on HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'],
    ['a fold', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['a control character', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'],
    ['a chunk without an end', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz'],
  ])('refuses %s', (_name, text) => {
    expect(readStrictly(text)).toMatchObject({ requests: [], problem: 'malformed' })
  })

  it('waits for the rest of what is cut anywhere', () => {
    const text = 'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n'
    for (let length = 1; length < text.length; length++) {
      expect(readStrictly(text.slice(0, length)), `${length}`).toMatchObject({ requests: [], problem: 'incomplete' })
    }
  })
})
