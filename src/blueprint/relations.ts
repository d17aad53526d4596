import { checkConnections } from './check-connections.ts'
import { checkPorts } from './check-ports.ts'
import { checkTopics } from './check-topics.ts'
import type { ReadService } from './grammar/service.ts'
import type { ReadSystem } from './grammar/system.ts'
import { unknownName } from './grammar/reader.ts'
import type { Place } from './place.ts'

type Services = ReadonlyMap<string, ReadService | undefined>

/** Checks what only shows when the parts of a blueprint are seen together. */
export function checkRelations(system: ReadSystem, place: Place): void {
  const services = system.services ?? new Map<string, undefined>()
  if (system.services?.size === 0) {
    place
      .at('services')
      .invalid('expected at least one service, got none', "add one: { web: { entry: './server.ts', routes: ['/'] } }")
  }
  checkNames(system, place)
  checkReferences(system, services, place)
  checkRoutes(services, place.at('services'))
  checkJobs(system, services, place)
  checkPorts(system, place)
  checkConnections(system, place)
  checkVariables(services, place.at('services'))
  checkCycles(services, place.at('services'))
  checkTopics(system, place)
}

/** Nobody can send a request to a job. */
function checkJobs(system: ReadSystem, services: Services, place: Place): void {
  const isJob = (name: string): boolean => services.get(name)?.schedule !== undefined
  for (const [name, service] of services) {
    for (const [index, called] of (service?.calls ?? []).entries()) {
      if (!isJob(called)) continue
      const at = place.at('services').at(name).at('calls').at(index)
      at.invalid(`expected a service that gets requests, got '${called}', which has a schedule`, 'remove it')
    }
  }
  for (const name of system.objectives?.keys() ?? []) {
    if (!isJob(name)) continue
    const at = place.at('objectives').at(name)
    at.invalid(`expected a service that gets requests, got '${name}', which has a schedule`, 'remove the objective')
  }
}

/** Parts of every system, with processes, logs and measurements of these names. */
const RESERVED = new Set(['control-plane', 'gateway'])

/** Each process has a name for its log and its measurements: the database's own, and `api-1`, `api-2` … of a service. */
function checkNames(system: ReadSystem, place: Place): void {
  const services = [...(system.services?.keys() ?? [])]
  for (const kind of ['databases', 'services'] as const) {
    for (const name of system[kind]?.keys() ?? []) {
      if (!RESERVED.has(name)) continue
      place
        .at(kind)
        .at(name)
        .invalid(`expected a name that no part of Tenfold has, got '${name}'`, `write 'my-${name}', or another name`)
    }
  }
  checkShardNames(system, services, place.at('databases'))
  for (const name of system.databases?.keys() ?? []) {
    const service = services.find((each) => name.startsWith(`${each}-`) && /^\d+$/.test(name.slice(each.length + 1)))
    if (service === undefined) continue
    place
      .at('databases')
      .at(name)
      .invalid(
        `expected a name that no instance has, got '${name}', which may be one of service '${service}'`,
        `write '${name}-data', or another name that does not end in a number`,
      )
  }
}

/** Shards are called `orders-0`, `orders-1` … */
function checkShardNames(system: ReadSystem, services: readonly string[], place: Place): void {
  const names = [...(system.databases?.keys() ?? [])]
  for (const [name, database] of system.databases ?? []) {
    if (database?.shards === undefined) continue
    const shards = names.find((other) => other.startsWith(`${name}-`) && /^\d+$/.test(other.slice(name.length + 1)))
    const other = shards ?? services.find((service) => service === name)
    if (other === undefined) continue
    place
      .at(name)
      .invalid(
        `expected a name whose shards are called like nothing else, but ${
          shards === undefined ? `an instance of service '${other}'` : `database '${other}'`
        } may have the name of one`,
        'rename one of them',
      )
  }
}

const LISTS = {
  databases: { kind: 'databases', what: 'the name of a database' },
  caches: { kind: 'caches', what: 'the name of a cache' },
  publishes: { kind: 'topics', what: 'the name of a topic' },
  consumes: { kind: 'topics', what: 'the name of a topic' },
  enqueues: { kind: 'queues', what: 'the name of a queue' },
  works: { kind: 'queues', what: 'the name of a queue' },
  calls: { kind: 'services', what: 'the name of a service' },
} as const

/** Each name that a service lists, and each service with an objective, has to exist; each once. */
function checkReferences(system: ReadSystem, services: Services, place: Place): void {
  for (const [serviceName, service] of services) {
    for (const [list, { kind, what }] of Object.entries(LISTS)) {
      const names = service?.[list as keyof typeof LISTS] ?? []
      const known = system[kind] ?? new Map<string, unknown>()
      for (const [index, name] of names.entries()) {
        const at = place.at('services').at(serviceName).at(list).at(index)
        if (!known.has(name)) unknownName(at, { what, name, known: [...known.keys()] })
        else if (names.indexOf(name) < index)
          at.invalid(`expected each name once, got '${name}' again`, 'remove one of them')
      }
    }
  }
  for (const name of system.objectives?.keys() ?? []) {
    if (!services.has(name))
      unknownName(place.at('objectives').at(name), { what: LISTS.calls.what, name, known: [...services.keys()] })
  }
}

function checkRoutes(services: Services, place: Place): void {
  const owners = new Map<string, string>()
  for (const [name, service] of services) {
    for (const [index, { path: route }] of (service?.routes ?? []).entries()) {
      const owner = owners.get(route)
      if (owner === undefined) owners.set(route, name)
      else {
        place
          .at(name)
          .at('routes')
          .at(index)
          .invalid(
            `expected each route once, got '${route}', which is also one of service '${owner}'`,
            'remove one of them, or give one a longer prefix',
          )
      }
    }
  }
}

/** `a-b` and `a_b` would share `TENFOLD_URL_A_B`. */
function checkVariables(services: ReadonlyMap<string, unknown>, place: Place): void {
  const owners = new Map<string, string>()
  for (const name of services.keys()) {
    const variable = name.replaceAll('-', '_')
    const owner = owners.get(variable)
    if (owner === undefined) owners.set(variable, name)
    else
      place
        .at(name)
        .invalid(
          `expected names that differ in more than '-' and '_', got '${owner}' and '${name}'`,
          'rename one of them',
        )
  }
}

/** Services that wait for each other in a circle fill each other's connections and stop together. */
function checkCycles(services: Services, place: Place): void {
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name)
    if (start >= 0) {
      const cycle = [...path.slice(start), name]
      place
        .at(cycle.at(-2) as string)
        .at('calls')
        .invalid(
          `expected calls without a circle, got ${cycle.join(' → ')}`,
          cycle.length === 2
            ? `remove '${name}': a service reaches itself without the gateway`
            : 'remove one of these calls, or move what both need into a third service',
        )
      return
    }
    if (done.has(name)) return
    for (const called of services.get(name)?.calls ?? []) visit(called, [...path, name])
    done.add(name)
  }
  for (const name of services.keys()) visit(name, [])
}
