import type { Place } from '../place.ts'
import type { ReadDatabase } from './database.ts'
import { database } from './database.ts'
import type { ReadGateway } from './gateway.ts'
import { gateway } from './gateway.ts'
import type { ReadLoad } from './load.ts'
import { load } from './load.ts'
import type { ReadObjective } from './objective.ts'
import { objective } from './objective.ts'
import type { ReadQueue } from './queue.ts'
import { queue } from './queue.ts'
import type { Reader } from './reader.ts'
import { later, list, object, oneOf, record } from './reader.ts'
import type { ReadService } from './service.ts'
import { service } from './service.ts'
import { cache } from './store.ts'
import type { ReadTopic } from './topic.ts'
import { topic } from './topic.ts'
import { text } from './value.ts'

/** A blueprint part by part; what can't be read is missing, so that the rest is still checked. */
export interface ReadSystem {
  readonly name: string | undefined
  readonly databases: ReadonlyMap<string, ReadDatabase | undefined> | undefined
  readonly caches: ReadonlyMap<string, unknown> | undefined
  readonly topics: ReadonlyMap<string, ReadTopic | undefined> | undefined
  readonly queues: ReadonlyMap<string, ReadQueue | undefined> | undefined
  readonly services: ReadonlyMap<string, ReadService | undefined> | undefined
  readonly objectives: ReadonlyMap<string, ReadObjective | undefined> | undefined
  readonly load: ReadLoad | undefined
  readonly secrets: string | undefined
  readonly gateway: ReadGateway | undefined
}

const receivers = list('receivers', oneOf('pagerduty', 'slack', 'webhook'))

/** The whole grammar. What is `later` is checked like the rest, then refused. */
export const system: Reader<ReadSystem> = object({
  what: 'a blueprint',
  options: {
    name: systemName,
    databases: record('databases', database),
    caches: record('caches', later(cache, 'caches')),
    topics: record('topics', topic),
    queues: record('queues', queue),
    services: record('services', service),
    secrets: secretsFile,
    objectives: record('objectives', objective),
    alerts: later(object({ what: 'alerts', options: { page: receivers, ticket: receivers } }), 'alerts'),
    load,
    gateway,
  },
  required: ['name', 'services'],
  planned: ['documents'],
})

/** By its name it is left out of releases, whatever stands in it. */
function secretsFile(given: unknown, place: Place): string | undefined {
  const file = text('a file')(given, place)
  if (file === undefined || /(?:^|\/)(?:\.env(?:\.[^/]+)?|[^/]+\.env)$/.test(file)) return file
  return place.invalid(
    `expected a file whose name ends in '.env', which no release holds, got '${file}'`,
    "rename it, for example to 'secrets.env'",
  )
}

function systemName(given: unknown, place: Place): string | undefined {
  const name = text('a name')(given, place)
  if (name === undefined || /^[a-z][a-z0-9-]{0,39}$/.test(name)) return name
  return place.invalid(
    `expected a name of lower-case letters, digits and '-' that starts with a letter, 40 at most, got '${name}'`,
    `write '${
      name
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '-')
        .replaceAll(/^[-0-9]+|-+$/g, '')
        .slice(0, 40) || 'my-system'
    }'`,
  )
}
