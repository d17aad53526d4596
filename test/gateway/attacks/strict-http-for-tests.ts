/** A request as RFC 9112 reads it, without any of the leniency that it allows. */
export interface StrictRequest {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Decoded, if it was chunked. */
  readonly body: string
}

/** What a stream of bytes holds. */
export interface StrictReading {
  /** The requests that are complete and well-formed, up to the first that is not. */
  readonly requests: readonly StrictRequest[]
  /** Why reading ended before the end of the bytes. */
  readonly problem: 'incomplete' | 'malformed' | undefined
  /** What was not read, from the beginning of the request that has the problem. */
  readonly rest: string
}

/** What no test sends. */
const SIZE_MAX = 2 ** 40

type Part<T> = { readonly value: T; readonly end: number } | 'incomplete' | 'malformed'

const HEAD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) +([\x21-\x7e\x80-\xff]+) +HTTP\/(1\.[01])$/
const FIELD =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/
const CHUNK_LINE = /^([0-9A-Fa-f]{1,24})((?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?)$/

/** Reads bytes (latin1) as requests on one connection. Independent of the parser that is tested. */
export function readStrictly(bytes: string): StrictReading {
  const requests: StrictRequest[] = []
  let at = 0
  while (at < bytes.length) {
    // Empty lines before a request are no part of it (RFC 9112 2.2), however they end.
    let begin = at
    while (bytes[begin] === '\r' || bytes[begin] === '\n') begin += 1
    if (begin === bytes.length) break
    const read = readRequest(bytes, begin)
    if (typeof read === 'string') return { requests, problem: read, rest: bytes.slice(begin) }
    requests.push(read.value)
    at = read.end
  }
  return { requests, problem: undefined, rest: '' }
}

function readRequest(bytes: string, begin: number): Part<StrictRequest> {
  const end = bytes.indexOf('\r\n\r\n', begin)
  const head = bytes.slice(begin, end === -1 ? undefined : end)
  const [first = '', ...lines] = head.split('\r\n')
  if (end === -1) return /\0|(?<!\r)\n|\r(?!\n|$)/.test(head) ? 'malformed' : 'incomplete'
  const line = HEAD_LINE.exec(first)
  if (line === null) return 'malformed'
  const [, method = '', target = '', version = ''] = line
  const headers: [string, string][] = []
  for (const text of lines) {
    const field = FIELD.exec(text)
    if (field === null) return 'malformed'
    headers.push([field[1]!.toLowerCase(), field[2]!])
  }
  const valuesOf = (wanted: string): string[] => headers.filter(([name]) => name === wanted).map(([, value]) => value)
  const hosts = valuesOf('host')
  if (hosts.length > 1 || (version === '1.1' && hosts.length === 0)) return 'malformed'
  const body = readBody(bytes, end + 4, {
    version,
    lengths: valuesOf('content-length'),
    encodings: valuesOf('transfer-encoding'),
  })
  return typeof body === 'string'
    ? body
    : { value: { method, target, version, headers, body: body.value }, end: body.end }
}

function readBody(
  bytes: string,
  begin: number,
  framing: { version: string; lengths: readonly string[]; encodings: readonly string[] },
): Part<string> {
  const { version, lengths, encodings } = framing
  if (encodings.length > 0) {
    const isPlain = encodings.length === 1 && encodings[0]!.toLowerCase() === 'chunked'
    return isPlain && lengths.length === 0 && version === '1.1' ? readChunks(bytes, begin) : 'malformed'
  }
  if (lengths.length === 0) return { value: '', end: begin }
  if (lengths.length > 1 || !/^\d{1,15}$/.test(lengths[0]!)) return 'malformed'
  const end = begin + Number(lengths[0])
  return end > bytes.length ? 'incomplete' : { value: bytes.slice(begin, end), end }
}

function readChunks(bytes: string, begin: number): Part<string> {
  let body = ''
  let at = begin
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return 'incomplete'
    const line = CHUNK_LINE.exec(bytes.slice(at, lineEnd))
    const size = Number.parseInt(line?.[1] ?? '', 16)
    if (line === null || size > SIZE_MAX) return 'malformed'
    at = lineEnd + 2
    if (size === 0) return readTrailers(bytes, at, body)
    if (bytes.length < at + size + 2) return 'incomplete'
    if (!bytes.startsWith('\r\n', at + size)) return 'malformed'
    body += bytes.slice(at, at + size)
    at += size + 2
  }
}

function readTrailers(bytes: string, begin: number, body: string): Part<string> {
  let at = begin
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return 'incomplete'
    if (lineEnd === at) return { value: body, end: at + 2 }
    if (!FIELD.test(bytes.slice(at, lineEnd))) return 'malformed'
    at = lineEnd + 2
  }
}
