/** As much of a topic as says which database holds it. */
interface PlacedTopic {
  readonly database?: string | undefined
}

/** As much of a service as says which databases it connects to. */
interface Connecting {
  readonly databases?: readonly string[] | undefined
  readonly publishes?: readonly string[] | undefined
  readonly consumes?: readonly string[] | undefined
}

/** As much of a database as says whether it can hold topics. */
interface Holding {
  readonly shards?: unknown
}

/**
 * The database that holds a topic: the one that it names, or the first without shards; undefined where there is none.
 */
export function databaseOfTopic(
  topic: PlacedTopic | undefined,
  databases: Iterable<readonly [name: string, database: Holding | undefined]>,
): string | undefined {
  if (topic?.database !== undefined) return topic.database
  for (const [name, database] of databases) if (database?.shards === undefined) return name
  return undefined
}

/**
 * The databases that a service connects to: those that it lists, and those that hold its topics.
 *
 * @param holderOf the database of a topic; undefined if nobody knows
 */
export function databasesBehind(
  { databases = [], publishes = [], consumes = [] }: Connecting,
  holderOf: (topic: string) => string | undefined,
): readonly string[] {
  const holders = [...publishes, ...consumes].map(holderOf).filter((name) => name !== undefined)
  return [...new Set([...databases, ...holders])]
}
