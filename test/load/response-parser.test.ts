import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ParseState } from '../../src/load/response-parser.ts'
import { BODY_BYTES_MAX, createResponseParser, HEAD_BYTES_MAX } from '../../src/load/response-parser.ts'

interface Parsed {
  readonly state: ParseState
  readonly status: number
  readonly isKeptAlive: boolean
  readonly keepAliveMs: number | undefined
  readonly text: string
  readonly header: string | undefined
}

/** Parses pieces, each in a buffer that is overwritten afterwards, as the generator's shared one is. */
function parse(pieces: readonly Buffer[], options: { isHead?: boolean; ends?: boolean } = {}): Parsed {
  const parser = createResponseParser()
  parser.expect(options.isHead ?? false, true, true)
  const shared = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)) + 16, 'X')
  let state: ParseState = 'incomplete'
  for (const piece of pieces) {
    shared.fill('X')
    piece.copy(shared)
    state = parser.push(shared, piece.length)
    if (state === 'malformed') break
  }
  if (state === 'incomplete' && options.ends === true) state = parser.end()
  const { status, isKeptAlive, keepAliveMs } = parser
  const isComplete = state === 'complete'
  return {
    state,
    status,
    isKeptAlive,
    keepAliveMs,
    text: isComplete ? parser.text() : '',
    header: isComplete ? parser.header('x-trace') : undefined,
  }
}

const answers: Record<string, { text: string; isHead?: boolean; ends?: boolean; expected: Partial<Parsed> }> = {
  'a length': {
    text: 'HTTP/1.1 200 OK\r\nX-Trace: abc\r\nContent-Length: 5\r\n\r\nhello',
    expected: { status: 200, text: 'hello', isKeptAlive: true, header: 'abc' },
  },
  'a length of zero': { text: 'HTTP/1.1 500 No\r\ncontent-length:0\r\n\r\n', expected: { status: 500, text: '' } },
  'no reason phrase': { text: 'HTTP/1.1 201\r\nContent-Length: 2\r\n\r\n{}', expected: { status: 201, text: '{}' } },
  chunks: {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;ext=1\r\n \r\nA\r\nworld.....\r\n0\r\n\r\n',
    expected: { text: 'hello world.....' },
  },
  'chunks and a trailer': {
    text: 'HTTP/1.1 200 OK\r\ntransfer-encoding:chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    expected: { text: 'ok' },
  },
  'status 204': { text: 'HTTP/1.1 204 No Content\r\nX-Trace: t\r\n\r\n', expected: { status: 204, header: 't' } },
  'status 304 with a length': { text: 'HTTP/1.1 304 Same\r\nContent-Length: 90\r\n\r\n', expected: { status: 304 } },
  'the answer to HEAD': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n',
    isHead: true,
    expected: { status: 200, text: '' },
  },
  'interim answers first': {
    text: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!',
    expected: { status: 200, text: '!' },
  },
  'a connection that closes': {
    text: 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n!',
    expected: { isKeptAlive: false, text: '!' },
  },
  'an end by closing': {
    text: 'HTTP/1.1 200 OK\r\n\r\nall of it',
    ends: true,
    expected: { isKeptAlive: false, text: 'all of it' },
  },
  'HTTP/1.0': {
    text: 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n!',
    expected: { isKeptAlive: false, text: '!' },
  },
  'a keep-alive time': {
    text: 'HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 0\r\n\r\n',
    expected: { keepAliveMs: 5_000, isKeptAlive: true },
  },
  'letters beyond ASCII': {
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nKäse ✓',
    expected: { text: 'Käse ✓' },
  },
}

describe('the response parser', () => {
  for (const [name, answer] of Object.entries(answers)) {
    const bytes = Buffer.from(answer.text)

    it(`reads an answer with ${name}`, () => {
      expect(parse([bytes], answer)).toMatchObject({ state: 'complete', ...answer.expected })
    })

    it(`reads an answer with ${name} the same however it is torn`, () => {
      const whole = parse([bytes], answer)
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (cuts) => {
          const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
          const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
          expect(
            parse(
              pieces.filter((piece) => piece.length > 0),
              answer,
            ),
          ).toEqual(whole)
        }),
        { numRuns: 200 },
      )
    })

    it(`reads an answer with ${name} byte by byte`, () => {
      const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))
      expect(parse(pieces, answer)).toEqual(parse([bytes], answer))
    })
  }

  it('reads any body in any chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' })), (chunks) => {
        const framed = chunks.map((chunk) => `${Buffer.byteLength(chunk).toString(16)}\r\n${chunk}\r\n`).join('')
        const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${framed}0\r\n\r\n`
        expect(parse([Buffer.from(text)])).toMatchObject({ state: 'complete', text: chunks.join('') })
      }),
    )
  })

  it('reads one answer after another', () => {
    const parser = createResponseParser()
    for (const status of [200, 404, 201]) {
      const bytes = Buffer.from(`HTTP/1.1 ${status} X\r\nContent-Length: 3\r\n\r\n${status}`)
      parser.expect(false, true, false)
      expect(parser.push(bytes, bytes.length)).toBe('complete')
      expect([parser.status, parser.text()]).toEqual([status, String(status)])
    }
  })

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
    ['a status of letters', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a field without a colon', 'HTTP/1.1 200 OK\r\nnothing\r\n\r\n'],
    ['a blank in a field name', 'HTTP/1.1 200 OK\r\nContent Length: 1\r\n\r\n'],
    ['a folded field', 'HTTP/1.1 200 OK\r\nA: b\r\n c: d\r\n\r\n'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['another encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switch\r\n\r\n'],
    ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n'],
    ['a chunk longer than its size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n'],
    ['bytes after the end', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab'],
    ['a head without an end', `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(HEAD_BYTES_MAX)}`],
  ])('refuses %s', (_what, text) => {
    expect(parse([Buffer.from(text)]).state).toBe('malformed')
  })

  it('refuses bytes that nobody asked for', () => {
    expect(createResponseParser().push(Buffer.from('HTTP/1.1 408 Slow\r\n\r\n'), 20)).toBe('malformed')
  })

  it('refuses an answer that ends before its length', () => {
    expect(parse([Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel')], { ends: true }).state).toBe(
      'malformed',
    )
  })

  it('refuses a body beyond its limit where it would have to be kept', () => {
    const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`)
    const piece = Buffer.alloc(1024 * 1024)
    const pieces = Array.from({ length: BODY_BYTES_MAX / piece.length + 1 }, () => piece)
    expect(parse([head, ...pieces]).state).toBe('malformed')
  })

  it('counts a body of any size where nobody wants it', () => {
    const parser = createResponseParser()
    parser.expect(false, false, false)
    const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES_MAX * 2}\r\n\r\n`)
    const piece = Buffer.alloc(1024 * 1024)
    parser.push(head, head.length)
    const states = Array.from({ length: (BODY_BYTES_MAX * 2) / piece.length }, () => parser.push(piece, piece.length))
    expect(states.at(-1)).toBe('complete')
    expect(states.at(-2)).toBe('incomplete')
  })
})
