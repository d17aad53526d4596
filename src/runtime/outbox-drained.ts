import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { SCHEMA } from '../topics/logs/postgres/layout.ts'
import { createPostgresLagReader } from '../topics/logs/postgres/read-lag.ts'
import { RELAY_GROUP } from '../topics/relay-group.ts'

const LOOK_MS = 5

/**
 * Resolves when every event that is in the outboxes of a database now has gone out; those that come meanwhile are not waited
 * for. Where nothing is relayed from there, at once.
 */
export async function outboxDrained(database: DatabaseConnection, clock: Clock, signal: AbortSignal): Promise<void> {
  const startMs = clock.nowMs()
  const { rows } = await database.query<{ isThere: boolean }>(
    `select to_regclass('${SCHEMA}.progress') is not null as "isThere"`,
  )
  if (rows[0]?.isThere !== true) return
  const reader = createPostgresLagReader(database, clock)
  for (;;) {
    const { partitions, atMs } = await reader.read()
    const oldestMs = partitions
      .filter(({ group }) => group === RELAY_GROUP)
      .reduce((oldest, { oldestAgeMs = 0 }) => Math.max(oldest, oldestAgeMs), 0)
    if (oldestMs <= atMs - startMs) return
    await sleep(clock, LOOK_MS, signal)
  }
}
