/** A request target in normal form: the one string that is both routed and forwarded. */
export interface RequestPath {
  /** Starts with one `/`, has no dot segments, and no percent-encoding of characters that don't need it. */
  readonly path: string
  /** The query with its `?`, as it came, or empty. */
  readonly search: string
  /**
   * The path as an instance sees it that decodes `%2F`; undefined when there is none. A route that would be another
   * one for this path is refused, so it never matters whether the instance decodes.
   */
  readonly decodedPath: string | undefined
}

/**
 * The normal form of an origin-form target (`/a/b?c`), after RFC 3986 6.2.2, or undefined when it has none: it does not
 * start with `/`, climbs above the root, carries a fragment, a backslash, an encoded backslash or NUL, or a percent sign
 * that encodes nothing.
 *
 * @example normalisePath('/a/./b/%2e%2e/c?d=1') // { path: '/a/c', search: '?d=1', decodedPath: undefined }
 */
export function normalisePath(target: string): RequestPath | undefined {
  if (target.charCodeAt(0) !== SLASH) return undefined
  const end = plainEnd(target)
  if (end === target.length) return { path: target, search: '', decodedPath: undefined }
  if (target.charCodeAt(end) === QUESTION) return withSearch(target, end)
  return normaliseSlowly(target)
}

const SLASH = 0x2f
const DOT = 0x2e
const PERCENT = 0x25
const QUESTION = 0x3f
const BACKSLASH = 0x5c
const HASH = 0x23

/** Where the part ends that is in normal form already: at the query, or at the first character that needs work. */
function plainEnd(target: string): number {
  let previous = 0
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code === PERCENT || code === BACKSLASH || code === HASH || code === QUESTION) return i
    if (previous === SLASH && code === DOT) return i
    // Only leading slashes matter: `//host/x` is another host to many URL parsers.
    if (i === 1 && code === SLASH) return i
    if (code <= 0x20 || code === 0x7f || code > 0xff) return i
    previous = code
  }
  return target.length
}

function withSearch(target: string, at: number): RequestPath | undefined {
  const search = target.slice(at)
  return isSearchValid(search) ? { path: target.slice(0, at), search, decodedPath: undefined } : undefined
}

function normaliseSlowly(target: string): RequestPath | undefined {
  const at = target.indexOf('?')
  const search = at === -1 ? '' : target.slice(at)
  const raw = at === -1 ? target : target.slice(0, at)
  // eslint-disable-next-line no-control-regex
  if (!isSearchValid(search) || /[\\#\u0000-\u0020\u007f]|[^\u0000-\u00ff]/.test(raw)) return undefined
  const decoded = decodeUnreserved(raw)
  const path = decoded === undefined ? undefined : removeDotSegments(decoded)
  if (path === undefined) return undefined
  if (!path.includes('%2F')) return { path, search, decodedPath: undefined }
  const decodedPath = path.replaceAll('%2F', '/')
  return removeDotSegments(decodedPath) === decodedPath ? { path, search, decodedPath } : undefined
}

function isSearchValid(search: string): boolean {
  for (let i = 0; i < search.length; i++) {
    const code = search.charCodeAt(i)
    if (code === HASH || code <= 0x20 || code === 0x7f || code > 0xff) return false
  }
  return true
}

/** Decodes what RFC 3986 calls unreserved, writes other encodings in upper case; undefined for a bad or forbidden one. */
function decodeUnreserved(path: string): string | undefined {
  let isBad = false
  const decoded = path.replaceAll(/%(.{0,2})/gs, (escape, hex: string) => {
    const code = /^[0-9a-f]{2}$/i.test(hex) ? Number.parseInt(hex, 16) : 0
    if (code === 0 || code === BACKSLASH) isBad = true
    const character = String.fromCharCode(code)
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase()
  })
  return isBad ? undefined : decoded
}

/** RFC 3986 5.2.4, with leading slashes made one; undefined for a path that climbs above the root. */
function removeDotSegments(path: string): string | undefined {
  const kept: string[] = []
  const segments = path.replace(/^\/+/, '/').slice(1).split('/')
  const last = segments.length - 1
  for (const [index, segment] of segments.entries()) {
    if (segment === '..' && kept.pop() === undefined) return undefined
    const isDots = segment === '.' || segment === '..'
    if (!isDots) kept.push(segment)
    else if (index === last) kept.push('')
  }
  // What was removed may leave an empty segment in front: `/.//a`.
  return `/${kept.join('/')}`.replace(/^\/+/, '/')
}
