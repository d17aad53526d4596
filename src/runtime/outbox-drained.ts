import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import type { LagReader, LagReading } from '../topics/lag.ts'
import { SCHEMA } from '../topics/logs/postgres/layout.ts'
import { createPostgresLagReader } from '../topics/logs/postgres/read-lag.ts'
import { RELAY_GROUP } from '../topics/relay-group.ts'

const LOOK_MS = 5

/**
 * Resolves when every event that is in the outboxes of a database now has gone out; those that come meanwhile are not waited
 * for. Where nothing was ever published, at once.
 */
export async function outboxDrained(database: DatabaseConnection, clock: Clock, signal: AbortSignal): Promise<void> {
  const { rows } = await database.query<{ isThere: boolean }>(
    `select to_regclass('${SCHEMA}.progress') is not null as "isThere"`,
  )
  if (rows[0]?.isThere === true) await relayed(createPostgresLagReader(database, clock), clock, signal)
}

/** The same of what a reader reads. */
export async function relayed(reader: LagReader, clock: Clock, signal: AbortSignal): Promise<void> {
  let goals = goalsOf(await reader.read())
  for (;;) {
    const reading = await reader.read()
    // Before its first relay has begun nobody can say how much that is.
    if (goals === undefined) goals = goalsOf(reading)
    else if (isReached(goals, reading)) return
    await sleep(clock, LOOK_MS, signal)
  }
}

type Goals = ReadonlyMap<string, bigint>

/** How many events have to be finished in each partition; undefined: that can't be known yet. */
function goalsOf({ topics, partitions }: LagReading): Goals | undefined {
  const own = partitions.filter(({ group }) => group === RELAY_GROUP)
  const isKnown = topics.every(
    ({ topic, published }) => published === 0n || own.some((partition) => partition.topic === topic),
  )
  if (!isKnown || own.some(({ isMore }) => isMore)) return undefined
  return new Map(own.map((each) => [placeOf(each), each.done + BigInt(each.unread)]))
}

function isReached(goals: Goals, { partitions }: LagReading): boolean {
  return partitions.every((each) => each.group !== RELAY_GROUP || each.done >= (goals.get(placeOf(each)) ?? 0n))
}

function placeOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
