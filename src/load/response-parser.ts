import { parseHead } from './response-head.ts'

/** What came of feeding bytes to a parser. */
export type ParseState = 'incomplete' | 'complete' | 'malformed'

/** Bytes of a body that are kept for checks and extracts; a longer one makes the answer malformed. */
export const BODY_BYTES_MAX: number = 16 * 1024 * 1024

/** Bytes of a head (status line and header fields). */
export const HEAD_BYTES_MAX: number = 64 * 1024

/** Bytes of one line of chunk framing or trailer. */
const LINE_BYTES_MAX = 8 * 1024

/**
 * Reads one HTTP/1.1 answer at a time, in any pieces (RFC 9112). Bytes are looked at once and copied only where a
 * head is torn between reads or the body is wanted.
 *
 * It is written for load generation, where a general parser would cost more than the request: strict where framing
 * is concerned (two answers can't be confused), indifferent to everything else.
 */
export interface ResponseParser {
  /** Prepares for the answer to a request. Bytes that come before this, or after the answer, are malformed. */
  expect(isHead: boolean, needsBody: boolean, needsHeaders: boolean): void
  /** Takes bytes; they are not kept once the call for the next bytes is made. */
  push(bytes: Buffer, length: number): ParseState
  /** The peer has closed: completes an answer that has no other end, and makes any other malformed. */
  end(): ParseState
  /** Status of the answer, 0 before its head is complete. */
  readonly status: number
  /** Whether the peer keeps the connection open. */
  readonly isKeptAlive: boolean
  /** How long the peer says that it keeps an idle connection, milliseconds. */
  readonly keepAliveMs: number | undefined
  /** What was wrong, after `malformed`. */
  readonly problem: string
  /** The body as text; only if it was asked for, and only until the next `push`. */
  text(): string
  /** Value of a header field, any case; only if headers were asked for. */
  header(name: string): string | undefined
}

/** A parser in its first state. */
export function createResponseParser(): ResponseParser {
  return new Parser()
}

type Phase = 'idle' | 'head' | 'length' | 'close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer'

class Parser implements ResponseParser {
  status = 0
  isKeptAlive = true
  keepAliveMs: number | undefined
  problem = ''

  #phase: Phase = 'idle'
  #isHead = false
  #needsBody = false
  #needsHeaders = false
  #headText = ''
  /** A head, or a line of chunk framing, that was torn between reads. */
  #torn: Buffer | undefined
  /** Bytes still to come of the body or of the chunk. */
  #rest = 0
  #pieces: Buffer[] = []
  #bodyBytes = 0

  expect(isHead: boolean, needsBody: boolean, needsHeaders: boolean): void {
    this.#isHead = isHead
    this.#needsBody = needsBody
    this.#needsHeaders = needsHeaders
    this.status = 0
    this.#headText = ''
    this.#torn = undefined
    if (this.#bodyBytes > 0) {
      this.#pieces = []
      this.#bodyBytes = 0
    }
    this.#phase = 'head'
  }

  push(bytes: Buffer, length: number): ParseState {
    let at = 0
    while (at < length) {
      switch (this.#phase) {
        case 'idle':
          return this.#fail('bytes that no request asked for')
        case 'head': {
          at = this.#readHead(bytes, at, length)
          if (at < 0) return 'malformed'
          break
        }
        case 'length':
        case 'chunk-data': {
          const taken = Math.min(this.#rest, length - at)
          if (this.#needsBody && !this.#keep(bytes, at, at + taken, at + taken === length)) return 'malformed'
          at += taken
          this.#rest -= taken
          if (this.#rest === 0) this.#phase = this.#phase === 'length' ? 'idle' : 'chunk-end'
          break
        }
        case 'close':
          if (this.#needsBody && !this.#keep(bytes, at, length, true)) return 'malformed'
          return 'incomplete'
        default: {
          at = this.#readLine(bytes, at, length)
          if (at < 0) return 'malformed'
        }
      }
      if (this.#phase === 'idle') return at < length ? this.#fail('bytes after the end of the answer') : 'complete'
    }
    return 'incomplete'
  }

  end(): ParseState {
    if (this.#phase !== 'close') return this.#fail('the connection closed before the answer was complete')
    this.#phase = 'idle'
    return 'complete'
  }

  text(): string {
    if (this.#pieces.length === 1) return (this.#pieces[0] as Buffer).toString()
    return Buffer.concat(this.#pieces).toString()
  }

  header(name: string): string | undefined {
    const wanted = `${name.toLowerCase()}:`
    for (const line of this.#headText.split('\r\n')) {
      if (line.toLowerCase().startsWith(wanted)) return line.slice(wanted.length).trim()
    }
    return undefined
  }

  #readHead(bytes: Buffer, at: number, length: number): number {
    const torn = this.#torn
    const source = torn === undefined ? bytes : Buffer.concat([torn, bytes.subarray(at, length)])
    const from = torn === undefined ? at : 0
    const to = torn === undefined ? length : source.length
    const head = parseHead(source, from, to)
    if (head === 'incomplete') {
      if (to - from > HEAD_BYTES_MAX) return this.#failAt(`a head longer than ${HEAD_BYTES_MAX} bytes`)
      this.#torn = Buffer.from(source.subarray(from, to))
      return length
    }
    if (typeof head === 'string') return this.#failAt(head)
    this.#torn = undefined
    const consumed = length - (to - head.end)
    // An interim answer (RFC 9110, 15.2) precedes the real one. 101 would end HTTP, and nobody asked for it.
    if (head.status < 200) return head.status === 101 ? this.#failAt('a switch of protocols') : consumed
    this.status = head.status
    this.isKeptAlive = head.isKeptAlive
    this.keepAliveMs = head.keepAliveMs
    if (this.#needsHeaders) this.#headText = source.toString('latin1', from, head.end)

    if (this.#isHead || head.status === 204 || head.status === 304) this.#phase = 'idle'
    else if (head.isChunked) this.#phase = 'chunk-size'
    else if (head.contentLength === undefined) {
      this.#phase = 'close'
      this.isKeptAlive = false
    } else {
      this.#rest = head.contentLength
      this.#phase = this.#rest === 0 ? 'idle' : 'length'
    }
    return consumed
  }

  /** A line of chunk framing: size, the end of the data, or a trailer field. */
  #readLine(bytes: Buffer, at: number, length: number): number {
    const feed = bytes.indexOf(10, at)
    const end = feed < 0 || feed >= length ? length : feed + 1
    const part = bytes.toString('latin1', at, end)
    const line = this.#torn === undefined ? part : this.#torn.toString('latin1') + part
    if (line.length > LINE_BYTES_MAX) return this.#failAt('a line of chunk framing that is too long')
    if (!line.endsWith('\n')) {
      this.#torn = Buffer.from(line, 'latin1')
      return end
    }
    this.#torn = undefined
    if (!line.endsWith('\r\n')) return this.#failAt('a line of chunk framing without CR LF')
    if (this.#phase === 'chunk-end') {
      if (line.length > 2) return this.#failAt('a chunk longer than its size')
      this.#phase = 'chunk-size'
    } else if (this.#phase === 'trailer') {
      if (line.length === 2) this.#phase = 'idle'
    } else {
      const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?\r\n$/i.exec(line)
      if (size === null) return this.#failAt('a chunk without a size')
      this.#rest = Number.parseInt(size[1] as string, 16)
      this.#phase = this.#rest === 0 ? 'trailer' : 'chunk-data'
    }
    return end
  }

  /** Keeps body bytes; the last ones of a read are only borrowed if they also end the body. */
  #keep(bytes: Buffer, from: number, to: number, isEndOfRead: boolean): boolean {
    this.#bodyBytes += to - from
    if (this.#bodyBytes > BODY_BYTES_MAX) {
      this.#fail(`a body longer than ${BODY_BYTES_MAX} bytes`)
      return false
    }
    const piece = bytes.subarray(from, to)
    const isBorrowed = isEndOfRead && this.#phase === 'length' && this.#rest === to - from
    this.#pieces.push(isBorrowed ? piece : Buffer.from(piece))
    return true
  }

  #fail(problem: string): 'malformed' {
    this.problem = problem
    this.#phase = 'idle'
    return 'malformed'
  }

  #failAt(problem: string): -1 {
    this.#fail(problem)
    return -1
  }
}
