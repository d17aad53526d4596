import type { GatewayRoute } from './gateway-config.ts'
import type { RequestPath } from './exchange/request-path.ts'

/** Where a request goes. */
export interface RouteMatch {
  readonly service: string
  /** Path and query to forward. */
  readonly target: string
  /** The route's own time-out; undefined: it has none. */
  readonly timeoutMs: number | undefined
}

/**
 * Finds the service of a request. `'ambiguous'`: the path goes elsewhere once its encoded slashes are decoded, so the
 * request is refused rather than sent to an instance that may read it as another service's.
 */
export type Router = (path: RequestPath) => RouteMatch | 'ambiguous' | undefined

/**
 * Routes of the public listener: the longest prefix that matches on whole segments; the path is forwarded whole.
 *
 * @example createRouter([{ prefix: '/reports', service: 'legacy' }])(path('/reports/1')) // legacy, '/reports/1'
 */
export function createRouter(routes: readonly GatewayRoute[]): Router {
  const ordered = routes
    .map(({ prefix, service, requestTimeoutMs }) => ({
      prefix: prefix.replace(/\/+$/, ''),
      service,
      timeoutMs: requestTimeoutMs,
    }))
    .sort((a, b) => b.prefix.length - a.prefix.length)
  const routeOf = (path: string): (typeof ordered)[number] | undefined =>
    ordered.find(({ prefix }) => isBelow(path, prefix))
  return ({ path, search, decodedPath }) => {
    const route = routeOf(path)
    if (decodedPath !== undefined && routeOf(decodedPath)?.service !== route?.service) return 'ambiguous'
    if (route === undefined) return undefined
    const { service, timeoutMs } = route
    return { service, target: search === '' ? path : path + search, timeoutMs }
  }
}

/**
 * The route of the internal listener: the first segment names the service and is taken off.
 *
 * @example routeInternally(path('/recommender/for/7?n=3')) // recommender, '/for/7?n=3'
 */
export const routeInternally: Router = ({ path, search, decodedPath }) => {
  const end = path.indexOf('/', 1)
  const service = end === -1 ? path.slice(1) : path.slice(1, end)
  if (service === '') return undefined
  if (decodedPath !== undefined && !isBelow(decodedPath, `/${service}`)) return 'ambiguous'
  const rest = end === -1 ? '/' : path.slice(end)
  // `/api//x` must not become `//x`, which reads as a host.
  return { service, target: (rest.startsWith('//') ? rest.replace(/^\/+/, '/') : rest) + search, timeoutMs: undefined }
}

function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f)
}
