import { kindOf } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { ResolvedEnvironmentValue } from '../resolved-blueprint.ts'
import { runsNode } from '../runs-node.ts'
import type { ReadResources } from './engine.ts'
import { resources } from './engine.ts'
import type { Reader } from './reader.ts'
import { list, object, record } from './reader.ts'
import type { ReadRoute } from './route.ts'
import { route } from './route.ts'
import type { ReadScale } from './scale.ts'
import { scale } from './scale.ts'
import type { ReadSchedule } from './schedule.ts'
import { schedule } from './schedule.ts'
import { checkKind } from './service-kind.ts'
import type { ReadTraffic } from './traffic.ts'
import { traffic } from './traffic.ts'
import { durationMs, number, text, variableName } from './value.ts'
import { checkZones, zone } from './zone.ts'

export interface ReadService {
  readonly entry: string | undefined
  readonly command: string | undefined
  readonly static: string | undefined
  readonly fallback: string | undefined
  readonly schedule: ReadSchedule | undefined
  readonly port: number | undefined
  readonly routes: readonly ReadRoute[] | undefined
  readonly databases: readonly string[] | undefined
  readonly caches: readonly string[] | undefined
  readonly publishes: readonly string[] | undefined
  readonly consumes: readonly string[] | undefined
  readonly enqueues: readonly string[] | undefined
  readonly works: readonly string[] | undefined
  readonly calls: readonly string[] | undefined
  readonly env: ReadonlyMap<string, ResolvedEnvironmentValue | undefined> | undefined
  readonly instances: ReadInstances | undefined
  readonly scale: ReadScale | undefined
  readonly resources: ReadResources | undefined
  readonly health: string | undefined
  readonly startTimeout: number | undefined
  readonly stopTimeout: number | undefined
  readonly timeout: number | undefined
  readonly traffic: ReadTraffic | undefined
}

export interface ReadInstances {
  readonly min: number | undefined
  readonly desired: number | undefined
  readonly max: number | undefined
  readonly zones: readonly string[] | undefined
}

const names = (what: string) => list(what, text('a name'))
const instanceCount = number({ min: 1, max: 1_000, isInteger: true })

const options = {
  entry: text('a file'),
  command: text('a command'),
  static: text('a directory'),
  fallback,
  schedule,
  port: number({ min: 1, max: 65_535, isInteger: true }),
  routes: list('routes', route),
  databases: names('database names'),
  caches: names('cache names'),
  publishes: names('topic names'),
  consumes: names('topic names'),
  enqueues: names('queue names'),
  works: names('queue names'),
  calls: names('service names'),
  env: record('variables', environmentValue, {
    pattern: /^(?!PORT$|HOST$|TENFOLD_)[A-Za-z_][A-Za-z0-9_]*$/,
    says: 'the name of a variable that Tenfold does not set itself (PORT, HOST, TENFOLD_…)',
  }),
  instances: object({
    what: 'instances',
    options: { min: instanceCount, desired: instanceCount, max: instanceCount, zones: list('zones', zone) },
  }),
  scale,
  resources,
  health: text('a path'),
  startTimeout: durationMs,
  stopTimeout: durationMs,
  timeout: durationMs,
  traffic,
}

/** A service and what can be seen from it alone. */
export const service: Reader<ReadService> = (given, place) => {
  const read = object({ what: 'a service', options })(given, place)
  if (read === undefined) return undefined
  checkKind(given as Readonly<Record<string, unknown>>, place)
  checkInstances(read.instances, place.at('instances'))
  checkScale(read, place)
  if (read.health !== undefined && !read.health.startsWith('/')) {
    place.at('health').invalid(`expected a path that starts with '/', got '${read.health}'`, `write '/${read.health}'`)
  }
  const { timeout, traffic: treated } = read
  if (timeout !== undefined && (treated?.queue?.timeout ?? 0) > timeout) {
    place
      .at('traffic')
      .at('queue')
      .at('timeout')
      .invalid(`expected the service's timeout, ${timeout} ms, or less, got more`, 'lower it, or raise the timeout')
  }
  if (
    treated?.probe !== undefined &&
    read.health === undefined &&
    (given as { health?: unknown }).health === undefined
  ) {
    place.at('traffic').at('probe').invalid("expected a 'health' path to ask for, got none", "add health: '/healthz'")
  }
  return read
}

function checkInstances(read: ReadInstances | undefined, place: Place): void {
  const { min = 1, desired, max, zones = [] } = read ?? {}
  checkZones(zones, place)
  if (desired !== undefined && desired < min) {
    place
      .at('desired')
      .invalid(`expected instances.min, ${min}, or more, got ${desired}`, "raise 'desired', or lower 'min'")
  }
  const floor = Math.max(min, desired ?? min)
  if (max !== undefined && max < floor) {
    const what = floor === min ? 'min' : 'desired'
    place
      .at('max')
      .invalid(`expected instances.${what}, ${floor}, or more, got ${max}`, `raise 'max', or lower '${what}'`)
  }
}

function checkScale({ scale: scaled, instances, command }: ReadService, place: Place): void {
  if (scaled === undefined) return
  if (instances?.max === undefined) {
    place
      .at('instances')
      .at('max')
      .invalid('expected a bound for a service that scales by itself, got none', 'add instances: { min: 1, max: 4 }')
  }
  if (scaled.metric === 'elu' && command !== undefined && !runsNode(command)) {
    place
      .at('scale')
      .at('metric')
      .invalid(
        "expected a Node.js program for 'elu', which is its event loop, got a command of another",
        "scale on 'cpu' or 'inflight'",
      )
  }
}

/** A file among those that are served, as the path that stands for it. */
function fallback(given: unknown, place: Place): string | undefined {
  const file = text('a file')(given, place)
  if (file === undefined) return undefined
  const path = file.replace(/^\.?\//, '')
  if (!path.split('/').some((part) => part === '' || part.startsWith('.')) && !path.includes('\\')) return path
  return place.invalid(`expected a file below 'static', got '${file}'`, "write 'index.html'")
}

/** Values are never shown: a secret may stand here by mistake. */
function environmentValue(given: unknown, place: Place): ResolvedEnvironmentValue | undefined {
  if (typeof given === 'string') return { kind: 'literal', value: given }
  if (typeof given !== 'object' || given === null) {
    const hint =
      typeof given === 'number' || typeof given === 'boolean'
        ? 'write it in quotes'
        : "write text, or { secret: 'NAME' }"
    return place.invalid(`expected text or a secret by reference, got ${kindOf(given)}`, hint)
  }
  const read = secretReference(given, place)
  return read?.secret === undefined ? undefined : { kind: 'secret', name: read.secret }
}

const secretReference = object({
  what: 'a secret by reference',
  options: { secret: variableName },
  required: ['secret'],
})
