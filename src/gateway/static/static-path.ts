/**
 * The segments of a path below the route that it came in by, decoded, or undefined for what no file is served for: a
 * climb, a name that begins with a dot (but `.well-known`), and characters that are no name.
 *
 * @param routes path prefixes of the service; the longest that matches is taken off
 * @example staticSegments('/app/a%20b/', ['/app']) // ['a b', '']
 */
export function staticSegments(path: string, routes: readonly string[]): readonly string[] | undefined {
  const prefix = routes
    .map((route) => route.replace(/\/+$/, ''))
    .filter((route) => path === route || path.startsWith(`${route}/`))
    .reduce((longest, route) => (route.length > longest.length ? route : longest), '')
  const segments: string[] = []
  for (const part of path.slice(prefix.length).split('/').slice(1)) {
    const segment = decoded(part)
    if (segment === undefined || !isName(segment)) return undefined
    segments.push(segment)
  }
  return segments
}

/**
 * Whether a name carries a hash of its content, as bundlers write it, so that it never means anything else: eight
 * characters of base64url with a digit or a capital in their middle, or eight and more of hexadecimal with a digit.
 *
 * @example isHashedName('index-BZ3k2x9A.js') // true
 */
export function isHashedName(name: string): boolean {
  const [, hash = ''] = /[.-]([\w-]{8,})(?:\.[a-z]+)?\.[a-z\d]+$/i.exec(name) ?? []
  if (/^[\da-f]{8,}$/.test(hash)) return /\d/.test(hash)
  return hash.length === 8 && (/\d/.test(hash) || /^.[^A-Z]*[a-z][^A-Z]*[A-Z]/.test(hash)) && /[a-z]/i.test(hash)
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    // Not UTF-8: no file of ours has such a name.
    return undefined
  }
}

/** An empty one is a slash at the end, or two in a row; what follows from it is decided where files are. */
function isName(segment: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (/[/\\\u0000-\u001f\u007f]/.test(segment)) return false
  return !segment.startsWith('.') || segment === '.well-known'
}
