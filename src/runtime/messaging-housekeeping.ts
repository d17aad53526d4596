import type { Notice } from '../control/snapshot.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { messageOf } from '../core/errors.ts'
import { maintainQueues } from '../queues/queues/postgres/maintain.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import { maintainInbox } from '../topics/inbox.ts'
import { maintainLog } from '../topics/logs/postgres/maintain.ts'
import type { PartsContext } from './parts-context.ts'
import type { MessagingTables } from './messaging-tables.ts'
import { messagingTablesOf } from './messaging-tables.ts'

/** A database that runs and has tables of topics or queues. */
export interface KeptDatabase {
  readonly name: string
  /** Leads there as its owner. */
  readonly url: string
  readonly tables: MessagingTables
}

/** @see createMessagingHousekeeping */
export interface MessagingHousekeepingOptions {
  /** Asked at each round. */
  readonly databases: () => readonly KeptDatabase[]
  readonly notice: (notice: Omit<Notice, 'atEpochMs'>) => void
  readonly clock: Clock
  /** How rounds are made. @default `HOUSEKEEPING` */
  readonly rounds?: readonly HousekeepingRound[]
}

/** Work that is done in each database again and again. */
export interface HousekeepingRound {
  readonly everyMs: number
  /** @returns what a person has to know, if anything */
  keep(database: KeptDatabase): Promise<{ readonly message: string; readonly hint: string } | undefined>
}

const SLICE_MS_MAX = 3_600_000

/**
 * Drops what nobody needs any more of the logs and inboxes of topics, and of the tables of queues. A round that fails is
 * said, and the next one makes up for it: nothing else suffers.
 */
export function createMessagingHousekeeping(options: MessagingHousekeepingOptions): Component {
  const { databases, notice, clock, rounds = HOUSEKEEPING } = options
  let cancels: readonly Cancel[] = []
  const running = new Map<HousekeepingRound, Promise<void>>()

  async function keepAll({ keep }: HousekeepingRound): Promise<void> {
    for (const database of databases()) {
      const about = `topics and queues in ${database.name}`
      try {
        const held = await keep(database)
        if (held !== undefined) notice({ level: 'warning', about, ...held })
      } catch (error) {
        notice({ level: 'warning', about, message: `${about} could not be tidied up: ${messageOf(error)}` })
      }
    }
  }

  return {
    async start() {
      cancels = rounds.map((round) =>
        clock.every(round.everyMs, () => {
          if (!running.has(round))
            running.set(
              round,
              keepAll(round).finally(() => running.delete(round)),
            )
        }),
      )
    },
    async stop() {
      for (const cancel of cancels) cancel()
      await Promise.all(running.values())
    },
  }
}

/** The databases of a system that are ready and have tables of topics or queues. */
export function keptDatabases(
  { blueprint, snapshots }: Pick<PartsContext, 'blueprint' | 'snapshots'>,
  url: (database: string) => string,
): readonly KeptDatabase[] {
  return Object.values(snapshots.current().databases).flatMap(({ name, shard, state }) => {
    const tables = state === 'ready' ? messagingTablesOf(blueprint, shard?.database ?? name) : undefined
    return tables === undefined ? [] : [{ name, url: url(name), tables }]
  })
}

/** What is done in a running system. */
export const HOUSEKEEPING: readonly HousekeepingRound[] = [
  {
    everyMs: 60_000,
    keep: (database) => as(database, (connection) => keepTopics(connection, database)),
  },
  {
    everyMs: 10_000,
    async keep(database) {
      if (database.tables.queues.length === 0) return undefined
      return as(database, (connection) => keepQueues(connection, database))
    },
  },
]

type Kept = ReturnType<HousekeepingRound['keep']>

async function keepTopics(connection: DatabaseConnection, { name, tables }: KeptDatabase): Kept {
  const { topics, retentionMs, keepUnreadMs } = tables
  await maintainInbox(connection)
  if (topics.length === 0) return undefined
  // Slices are dropped as a whole, so that one is never much of what is kept.
  const { held, lost } = await maintainLog(connection, {
    retentionMs,
    sliceMs: Math.min(SLICE_MS_MAX, retentionMs / 4),
    ...(keepUnreadMs === undefined ? {} : { heldMaxMs: keepUnreadMs }),
  })
  if (lost.length > 0) {
    const groups = [...new Set(lost.flatMap((slice) => slice.groups))].toSorted().join(', ')
    return {
      message: `events of topics in ${name} were dropped that ${groups} had not read, since they were older than keepUnread`,
      hint: 'start the service that reads them, or let go of it with "tenfold topics drop-group"',
    }
  }
  if (held[0] === undefined) return undefined
  const { by } = held[0]
  return {
    message: `topics in ${name} are kept longer than their retention, and take more and more room: ${by} is in the way`,
    hint: by.startsWith('group')
      ? 'start the service that reads them, or let go of it with "tenfold topics drop-group"'
      : 'end that transaction',
  }
}

async function keepQueues(connection: DatabaseConnection, { name }: KeptDatabase): Kept {
  const { held } = await maintainQueues(connection)
  if (held[0] === undefined) return undefined
  const { table, by } = held[0]
  return {
    message: `the queues in ${name} take more room than their items (${table}): ${by} is in the way`,
    hint: 'end transactions that stay open; "select * from pg_stat_activity" says which',
  }
}

async function as<Result>(
  { url }: KeptDatabase,
  work: (connection: DatabaseConnection) => Promise<Result>,
): Promise<Result> {
  const connection = connectDatabase({ url, connectionsMax: 1 }, { applicationName: 'tenfold housekeeping' })
  try {
    return await work(connection)
  } finally {
    await connection.end()
  }
}
