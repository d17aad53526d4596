import type { ReadQueue } from './grammar/queue.ts'
import { unknownName } from './grammar/reader.ts'
import type { ReadSystem } from './grammar/system.ts'
import type { ReadTopic } from './grammar/topic.ts'
import type { Place } from './place.ts'
import { holderOf } from './holders.ts'

/** Topics have a database of the blueprint, whatever their engine, and queues that are in PostgreSQL; no service has more instances than partitions to read. */
export function checkTopics(system: ReadSystem, place: Place): void {
  for (const [name, topic] of system.topics ?? []) checkHolder(topic, system, place.at('topics').at(name))
  for (const [name, queue] of system.queues ?? []) {
    if (queue?.engine !== 'rabbitmq') checkHolder(queue, system, place.at('queues').at(name))
  }
  checkReaders(system, place.at('topics'))
  checkConsumers(system, place.at('services'))
}

/** RabbitMQ keeps events for those who read them, and refuses what nobody would get. */
function checkReaders({ topics, services }: ReadSystem, place: Place): void {
  const consumed = new Set([...(services ?? [])].flatMap(([, service]) => service?.consumes ?? []))
  for (const [name, topic] of topics ?? []) {
    if (topic?.engine !== 'rabbitmq' || consumed.has(name)) continue
    place
      .at(name)
      .invalid(
        'expected a service that consumes it, since RabbitMQ keeps events only for those who do, got none',
        `write consumes: ['${name}'] at a service, or leave out 'engine' and 'url'`,
      )
  }
}

function checkHolder(held: ReadTopic | ReadQueue | undefined, system: ReadSystem, at: Place): void {
  const databases = system.databases ?? new Map<string, undefined>()
  if (held === undefined) return
  const { database } = held
  if (database !== undefined && !databases.has(database)) {
    unknownName(at.at('database'), { what: 'the name of a database', name: database, known: [...databases.keys()] })
  } else if (database !== undefined && databases.get(database)?.shards !== undefined) {
    at.at('database').invalid(
      `expected a database without shards, got '${database}'`,
      'name another, or add one: databases: { events: {} }',
    )
  } else if (holderOf(held, databases) === undefined) {
    at.invalid('expected a database that holds it, without shards, got none', 'add one: databases: { events: {} }')
  }
}

/** A partition is read by one consumer at a time: more instances than partitions would be idle. Who consumes nothing has no lag. */
function checkConsumers(system: ReadSystem, place: Place): void {
  for (const [name, service] of system.services ?? []) {
    if (service?.scale?.metric === 'lag' && [...(service.consumes ?? []), ...(service.works ?? [])].length === 0) {
      place
        .at(name)
        .at('scale')
        .at('metric')
        .invalid(
          'expected a service that consumes topics or works on queues, whose lag it is, got one that does neither',
          "write consumes: ['…'] or works: ['…'], or scale on 'inflight' or 'cpu'",
        )
    }
    const { min = 1, desired = min, max = desired } = service?.instances ?? {}
    for (const topic of service?.consumes ?? []) {
      const partitions = system.topics?.get(topic)?.partitions
      if (partitions === undefined || max <= partitions) continue
      place
        .at(name)
        .at('instances')
        .at('max')
        .invalid(
          `expected at most ${partitions}, the partitions of topic '${topic}', got ${max}: the others would have nothing to read`,
          `lower it to ${partitions}, or give '${topic}' ${max} partitions before it is first started`,
        )
    }
  }
}
