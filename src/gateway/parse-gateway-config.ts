import type {
  Endpoint,
  GatewayConfig,
  GatewayDoor,
  GatewayFiles,
  GatewayRoute,
  GatewayService,
} from './gateway-config.ts'
import { array, invalid, number, record, text } from './json-checks.ts'
import { parseMatch, parseTraffic } from './parse-traffic.ts'
import { normalisePath } from './exchange/request-path.ts'

/**
 * A configuration that came over the admin socket, checked whole before any of it is used.
 *
 * @throws TF_INPUT_INVALID with the path of what is wrong
 */
export function parseGatewayConfig(value: unknown): GatewayConfig {
  const config = record(value, 'config')
  const services = record(config['services'], 'services')
  const routes = array(config['routes'], 'routes')
  return {
    version: number(config['version'], 'version', 0, Number.MAX_SAFE_INTEGER),
    routes: routes.map((route, index) => parseRoute(route, `routes[${index}]`, services)),
    services: Object.fromEntries(
      Object.entries(services).map(([name, service]) => [name, parseService(service, `services.${name}`)]),
    ),
    doors: Object.fromEntries(
      Object.entries(record(config['doors'] ?? {}, 'doors')).map(([name, door]) => [
        name,
        parseDoor(door, `doors.${name}`),
      ]),
    ),
  }
}

/** Whose requests to wait for, and for how long at most. */
export interface DrainRequest {
  readonly service: string
  readonly id: string
  readonly deadlineMs: number
}

/** @throws TF_INPUT_INVALID */
export function parseDrainRequest(value: unknown): DrainRequest {
  const { service, id } = record(value, 'input')
  return { service: text(service, 'service'), id: text(id, 'id'), deadlineMs: parseDeadline(value) }
}

/** How long to wait. @throws TF_INPUT_INVALID */
export function parseDeadline(value: unknown): number {
  return number(record(value, 'input')['deadlineMs'], 'deadlineMs', 0, 86_400_000)
}

function parseRoute(value: unknown, path: string, services: Readonly<Record<string, unknown>>): GatewayRoute {
  const { prefix, service, requestTimeoutMs } = record(value, path)
  if (typeof prefix !== 'string' || normalisePath(prefix)?.path !== prefix) {
    throw invalid(`${path}.prefix`, 'a path in normal form', prefix)
  }
  if (typeof service !== 'string' || !Object.hasOwn(services, service)) {
    throw invalid(`${path}.service`, 'the name of a service', service)
  }
  if (requestTimeoutMs === undefined) return { prefix, service }
  return { prefix, service, requestTimeoutMs: timeoutMs(requestTimeoutMs, `${path}.requestTimeoutMs`) }
}

function parseService(value: unknown, path: string): GatewayService {
  const service = record(value, path)
  return {
    requestTimeoutMs: timeoutMs(service['requestTimeoutMs'], `${path}.requestTimeoutMs`),
    endpoints: array(service['endpoints'], `${path}.endpoints`).map((endpoint, index) =>
      parseEndpoint(endpoint, `${path}.endpoints[${index}]`),
    ),
    ...(service['traffic'] === undefined ? {} : { traffic: parseTraffic(service['traffic'], `${path}.traffic`) }),
    ...(service['files'] === undefined ? {} : { files: parseFiles(service['files'], `${path}.files`) }),
  }
}

function timeoutMs(value: unknown, path: string): number {
  return number(value, path, 1, 86_400_000)
}

function parseFiles(value: unknown, path: string): GatewayFiles {
  const { directories, routes, fallback } = record(value, path)
  const texts = (given: unknown, at: string): readonly string[] =>
    array(given, at).map((each, index) => text(each, `${at}[${index}]`))
  const found = texts(directories, `${path}.directories`)
  if (found.length === 0) throw invalid(`${path}.directories`, 'one directory or more', directories)
  return {
    directories: found,
    routes: texts(routes, `${path}.routes`),
    ...(fallback === undefined ? {} : { fallback: text(fallback, `${path}.fallback`) }),
  }
}

function parseDoor(value: unknown, path: string): GatewayDoor {
  const door = record(value, path)
  const port = portNumber(door['port'], `${path}.port`)
  if (door['primary'] === undefined) return { port }
  const primary = record(door['primary'], `${path}.primary`)
  const term = number(primary['term'], `${path}.primary.term`, 1, Number.MAX_SAFE_INTEGER)
  return { port, primary: { port: portNumber(primary['port'], `${path}.primary.port`), term } }
}

function portNumber(value: unknown, path: string): number {
  return number(value, path, 1, 65_535)
}

function parseEndpoint(value: unknown, path: string): Endpoint {
  const { id, host, port, weight, isCanary, match } = record(value, path)
  return {
    id: text(id, `${path}.id`),
    host: text(host, `${path}.host`),
    port: portNumber(port, `${path}.port`),
    ...(weight === undefined ? {} : { weight: number(weight, `${path}.weight`, 0.001, 1_000) }),
    ...(isCanary === true ? { isCanary } : {}),
    ...(match === undefined ? {} : { match: parseMatch(match, `${path}.match`) }),
  }
}
