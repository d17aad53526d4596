import type { Place } from '../place.ts'
import { object } from './reader.ts'
import { durationMs, text } from './value.ts'

/** One element of `routes`. */
export interface ReadRoute {
  /** Without the slash at its end. */
  readonly path: string
  readonly timeout: number | undefined
}

const options = object({ what: 'a route', options: { path: prefix, timeout: durationMs }, required: ['path'] })

/** A path prefix alone, or with what goes with it. */
export function route(given: unknown, place: Place): ReadRoute | undefined {
  if (typeof given !== 'object' || given === null) {
    const path = prefix(given, place)
    return path === undefined ? undefined : { path, timeout: undefined }
  }
  const read = options(given, place)
  return read?.path === undefined ? undefined : { path: read.path, timeout: read.timeout }
}

/** A path prefix, without the slash at its end. */
function prefix(given: unknown, place: Place): string | undefined {
  const path = text('a path')(given, place)
  if (path === undefined) return undefined
  const wrong = wrongWithRoute(path)
  if (wrong !== undefined)
    return place.invalid(`expected a path prefix such as '/' or '/reports', got '${path}'`, wrong)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

function wrongWithRoute(prefix: string): string | undefined {
  if (/^https?:/.test(prefix)) return 'leave out the scheme and the host'
  if (!prefix.startsWith('/')) return `write '/${prefix}'`
  if (/[*:{}]/.test(prefix)) return 'a prefix takes everything below it: leave out patterns and parameters'
  if (/[?#]/.test(prefix)) return 'routes are chosen by path only: leave out the query'
  if (/\/\/|\s|[^\x21-\x7e]|\\|%(?![0-9a-fA-F]{2})/.test(prefix))
    return "leave out spaces and '//', and percent-encode other characters"
  if (prefix.split('/').some((segment) => segment === '.' || segment === '..')) return "leave out '.' and '..'"
  return undefined
}
