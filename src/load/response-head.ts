/** What the framing of an answer depends on. */
export interface ResponseHead {
  /** Index of the first byte after the head. */
  end: number
  status: number
  isKeptAlive: boolean
  keepAliveMs: number | undefined
  isChunked: boolean
  contentLength: number | undefined
}

const CR = 13
const LF = 10
const SPACE = 32
const COLON = 58
const COMMA = 44

const HTTP_1 = Buffer.from('HTTP/1.')
const CONTENT_LENGTH = Buffer.from('content-length')
const TRANSFER_ENCODING = Buffer.from('transfer-encoding')
const CONNECTION = Buffer.from('connection')
const KEEP_ALIVE = Buffer.from('keep-alive')
const TIMEOUT = Buffer.from('timeout=')

/** One object for all heads: the caller reads it before the next call. */
const head: ResponseHead = {
  end: 0,
  status: 0,
  isKeptAlive: true,
  keepAliveMs: undefined,
  isChunked: false,
  contentLength: undefined,
}

/**
 * Reads status line and header fields in `bytes[from, to)`.
 *
 * @returns the head (reused by the next call), `'incomplete'`, or what is wrong with it
 */
export function parseHead(bytes: Buffer, from: number, to: number): ResponseHead | string {
  if (to - from >= HTTP_1.length && !isAt(bytes, from, HTTP_1)) return 'a status line that is not HTTP/1'
  let at = lineEnd(bytes, from, to)
  if (at < 0) return 'incomplete'
  const status = statusOf(bytes, from, at)
  if (status === 0) return 'a status line without a status'
  head.status = status
  head.isKeptAlive = bytes[from + HTTP_1.length] !== 0x30
  head.keepAliveMs = undefined
  head.isChunked = false
  head.contentLength = undefined

  for (at += 2; ;) {
    const end = lineEnd(bytes, at, to)
    if (end < 0) return 'incomplete'
    if (end === at) break
    const problem = readField(bytes, at, end)
    if (problem !== undefined) return problem
    at = end + 2
  }
  // RFC 9112, 6.3: with both, one of two readers is fooled.
  if (head.isChunked && head.contentLength !== undefined) return 'both a length and chunks'
  head.end = at + 2
  return head
}

/** Index of the CR of CR LF, or -1. */
function lineEnd(bytes: Buffer, from: number, to: number): number {
  for (let i = from; i + 1 < to; i++) {
    if (bytes[i] === CR && bytes[i + 1] === LF) return i
  }
  return -1
}

function statusOf(bytes: Buffer, from: number, end: number): number {
  const at = from + HTTP_1.length + 2
  if (end < at + 3 || bytes[at - 1] !== SPACE || (end > at + 3 && bytes[at + 3] !== SPACE)) return 0
  const status = digits(bytes, at, at + 3)
  return status === undefined || status < 100 ? 0 : status
}

function readField(bytes: Buffer, at: number, end: number): string | undefined {
  switch ((bytes[at] as number) | 0x20) {
    case 0x63: // c
      if (isField(bytes, at, end, CONTENT_LENGTH)) return readLength(bytes, at + CONTENT_LENGTH.length + 1, end)
      if (isField(bytes, at, end, CONNECTION)) {
        if (isValue(bytes, at + CONNECTION.length + 1, end, KEEP_ALIVE)) head.isKeptAlive = true
        else if (/\bclose\b/i.test(bytes.toString('latin1', at, end))) head.isKeptAlive = false
        return undefined
      }
      break
    case 0x74: // t
      if (isField(bytes, at, end, TRANSFER_ENCODING)) {
        const value = bytes
          .toString('latin1', at + TRANSFER_ENCODING.length + 1, end)
          .trim()
          .toLowerCase()
        if (value !== 'chunked') return `a transfer encoding "${value}" that is not chunked`
        head.isChunked = true
        return undefined
      }
      break
    case 0x6b: // k
      if (isField(bytes, at, end, KEEP_ALIVE)) {
        head.keepAliveMs = readTimeout(bytes, at + KEEP_ALIVE.length + 1, end)
        return undefined
      }
      break
    default:
  }
  return isWellFormed(bytes, at, end) ? undefined : 'a header field without a name'
}

/** A name without blanks, then a colon. */
function isWellFormed(bytes: Buffer, at: number, end: number): boolean {
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number
    if (byte === COLON) return i > at
    if (byte <= SPACE) return false
  }
  return false
}

function readLength(bytes: Buffer, at: number, end: number): string | undefined {
  let from = at
  let to = end
  while (from < to && (bytes[from] === SPACE || bytes[from] === 9)) from++
  while (to > from && (bytes[to - 1] === SPACE || bytes[to - 1] === 9)) to--
  const length = to - from > 15 ? undefined : digits(bytes, from, to)
  if (length === undefined) return 'a content length that is not a number'
  if (head.contentLength !== undefined && head.contentLength !== length) return 'two different content lengths'
  head.contentLength = length
  return undefined
}

/** Milliseconds in `timeout=5`, which nearly every server puts first. */
function readTimeout(bytes: Buffer, at: number, end: number): number | undefined {
  const from = bytes[at] === SPACE ? at + 1 : at
  if (from + TIMEOUT.length > end || !isAt(bytes, from, TIMEOUT)) return undefined
  let to = from + TIMEOUT.length
  while (to < end && to < from + 16 && bytes[to] !== COMMA && bytes[to] !== SPACE) to++
  const seconds = digits(bytes, from + TIMEOUT.length, to)
  return seconds === undefined ? undefined : seconds * 1_000
}

/** Whether a field's value is `text`, any case, but for one blank before it. */
function isValue(bytes: Buffer, at: number, end: number, text: Buffer): boolean {
  const from = bytes[at] === SPACE ? at + 1 : at
  return end - from === text.length && isSame(bytes, from, text)
}

function digits(bytes: Buffer, from: number, to: number): number | undefined {
  if (from >= to) return undefined
  let value = 0
  for (let i = from; i < to; i++) {
    const digit = (bytes[i] as number) - 48
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}

function isField(bytes: Buffer, at: number, end: number, name: Buffer): boolean {
  if (at + name.length >= end || bytes[at + name.length] !== COLON) return false
  return isSame(bytes, at, name)
}

/** Whether `text`, which is in lower case, stands at an index in any case. */
function isSame(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) {
    if (((bytes[at + i] as number) | 0x20) !== text[i]) return false
  }
  return true
}

function isAt(bytes: Buffer, at: number, text: Buffer): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text[i]) return false
  }
  return true
}
