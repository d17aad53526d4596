import { describe, expect, it } from 'vitest'
import { send, startDataPlane } from '../data-plane-for-tests.ts'
import type { RawAnswer } from './raw-upstream-for-tests.ts'
import { sendBytes, startRawUpstream, statusesOf } from './raw-upstream-for-tests.ts'

const GET = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
const CLOSE = 'Connection: close\r\n'

/** What a client gets for two requests in a row when an instance answers the first one so, and the second one well. */
async function twoAnswers(first: string): Promise<{ first: string; second: string }> {
  const answer: RawAnswer = ({ target }) =>
    target === '/first' ? first : 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond'
  await using upstream = await startRawUpstream({ answer })
  await using plane = await startDataPlane([upstream.endpoint], { requestTimeoutMs: 500 })
  return {
    first: await sendBytes(plane.port, GET('/first', CLOSE)),
    second: await sendBytes(plane.port, GET('/second', CLOSE)),
  }
}

const POISON = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison'

describe('an instance that answers more than it was asked', () => {
  it.each([
    ['a second answer behind the first', `HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst${POISON}`],
    ['bytes behind the first', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirstx'],
    ['an answer with a body to what has none', `HTTP/1.1 204 No Content\r\ncontent-length: 6\r\n\r\npoison${POISON}`],
    ['an answer behind 304', `HTTP/1.1 304 Not Modified\r\ncontent-length: 6\r\n\r\n${POISON}`],
    [
      'chunks with a length',
      `HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${POISON}`,
    ],
    ['two lengths', `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 40\r\n\r\nfirst${POISON}`],
    ['many informational answers', `${'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(50)}${POISON}`],
    ['100 that nobody waits for', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${POISON}`],
    [
      '101 that nobody asked for',
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n${POISON}`,
    ],
  ])('never has it given to the next request: %s', async (_name, first) => {
    const answers = await twoAnswers(first)
    expect(statusesOf(answers.first).length).toBeLessThanOrEqual(1)
    expect(answers.second).not.toContain('poison')
    expect(statusesOf(answers.second)).toEqual([200])
    expect(answers.second.endsWith('second')).toBe(true)
  })
})

describe('an answer that HTTP does not allow', () => {
  it.each([
    ['no status line', 'hello\r\n\r\n'],
    ['a bare line feed', 'HTTP/1.1 200 OK\ncontent-length: 5\n\nfirst'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 5\r\n\r\nfirst'],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 5\r\n\r\nfirst'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: 5x\r\n\r\nfirst'],
    ['a space before a colon', 'HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nfirst'],
    ['headers without an end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`],
    ['a header of 100 KB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\ncontent-length: 5\r\n\r\nfirst`],
  ])('is 502, and nothing of it gets through: %s', async (_name, first) => {
    const answers = await twoAnswers(first)
    expect(statusesOf(answers.first)).toEqual([502])
    expect(answers.first).not.toContain('first\r\n')
    expect(statusesOf(answers.second)).toEqual([200])
  })

  it('leaves no header of the connection and no second framing to the client', async () => {
    const answer = `HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\nProxy-Connection: x\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\nX-T: 1\r\n\r\n`
    const { first } = await twoAnswers(answer)
    expect(first.toLowerCase()).not.toMatch(/x-private|proxy-connection|x-t:|timeout=1\b/)
    expect(first.match(/transfer-encoding/gi) ?? []).toHaveLength(1)
    expect(first.toLowerCase()).not.toContain('content-length')
  })
})

describe('an answer that comes early', () => {
  it('reaches the client before its body is read, and the connection to the instance is not used again', async () => {
    await using upstream = await startRawUpstream({
      answer: () => 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond',
      onHead: (head, socket) => {
        if (head.startsWith('POST')) socket.write('HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n')
      },
    })
    await using plane = await startDataPlane([upstream.endpoint])
    const head = 'POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n'
    const answer = await sendBytes(plane.port, `${head}${GET('/smuggled', CLOSE)}`, { quietMs: 2_000 })
    expect(statusesOf(answer)).toEqual([413])
    expect((await send(plane.port, '/second')).status).toBe(200)
    expect(upstream.requests().map(({ target }) => target)).toEqual(['/second'])
    expect(upstream.connections).toHaveLength(2)
  })
})
