/** As much of a topic or a queue as says which database holds it. */
interface Held {
  readonly database?: string | undefined
}

/** As much of a database as says whether it can hold one. */
interface Holding {
  readonly shards?: unknown
}

/** As much of a service as says which databases it connects to. */
interface Connecting {
  readonly databases?: readonly string[] | undefined
  readonly publishes?: readonly string[] | undefined
  readonly consumes?: readonly string[] | undefined
  readonly enqueues?: readonly string[] | undefined
  readonly works?: readonly string[] | undefined
}

/** As much of a blueprint as says what is where. */
interface Places {
  readonly databases?: ReadonlyMap<string, Holding | undefined> | undefined
  readonly topics?: ReadonlyMap<string, Held | undefined> | undefined
  readonly queues?: ReadonlyMap<string, (Held & { readonly engine?: string | undefined }) | undefined> | undefined
}

/**
 * The database that holds a topic or a queue: the one that it names, or the first without shards; undefined where there is
 * none.
 */
export function holderOf(
  held: Held | undefined,
  databases: Iterable<readonly [name: string, database: Holding | undefined]> = [],
): string | undefined {
  if (held?.database !== undefined) return held.database
  for (const [name, database] of databases) if (database?.shards === undefined) return name
  return undefined
}

/** The databases that a service connects to: those that it lists, and those that hold its topics and queues. */
export function databasesBehind(service: Connecting, { databases, topics, queues }: Places): readonly string[] {
  const { publishes = [], consumes = [], enqueues = [], works = [] } = service
  const held = [
    ...[...publishes, ...consumes].map((name) => topics?.get(name)),
    // One on RabbitMQ is nowhere else.
    ...[...enqueues, ...works].map((name) => queues?.get(name)).filter((queue) => queue?.engine !== 'rabbitmq'),
  ]
  const holders = held.map((one) => (one === undefined ? undefined : holderOf(one, databases)))
  return [...new Set([...(service.databases ?? []), ...holders.filter((name) => name !== undefined)])]
}
