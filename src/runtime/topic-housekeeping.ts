import type { Notice } from '../control/snapshot.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { messageOf } from '../core/errors.ts'
import { connectDatabase } from '../sql/database.ts'
import { maintainInbox } from '../topics/inbox.ts'
import type { MaintainReport } from '../topics/logs/postgres/maintain.ts'
import { maintainLog } from '../topics/logs/postgres/maintain.ts'
import type { PartsContext } from './parts-context.ts'
import type { TopicTables } from './topic-tables.ts'
import { topicTablesOf } from './topic-tables.ts'

/** A database that runs and has tables of topics. */
export interface KeptDatabase {
  readonly name: string
  /** Leads there as its owner. */
  readonly url: string
  readonly tables: TopicTables
}

/** @see createTopicHousekeeping */
export interface TopicHousekeepingOptions {
  /** Asked at each round. */
  readonly databases: () => readonly KeptDatabase[]
  readonly notice: (notice: Omit<Notice, 'atEpochMs'>) => void
  readonly clock: Clock
  /** Does the work of one round in one database. @default `keepTables` */
  readonly keep?: (database: KeptDatabase) => Promise<MaintainReport['held']>
}

const ROUND_MS = 60_000
const SLICE_MS_MAX = 3_600_000

/**
 * Drops what no group needs any more of the logs and inboxes of topics, every minute. A round that fails is said, and the
 * next one makes up for it: nothing else suffers.
 */
export function createTopicHousekeeping(options: TopicHousekeepingOptions): Component {
  const { databases, notice, clock, keep = keepTables } = options
  let cancel: Cancel = () => {}
  let round: Promise<void> | undefined

  async function keepOne(database: KeptDatabase): Promise<void> {
    const about = `topics in ${database.name}`
    try {
      const [held] = await keep(database)
      if (held === undefined) return
      notice({
        level: 'warning',
        about,
        message: `${about} are kept longer than their retention, and take more and more room: ${held.by} is in the way`,
        hint: held.by.startsWith('group') ? 'start the service that reads them' : 'end that transaction',
      })
    } catch (error) {
      notice({ level: 'warning', about, message: `${about} could not be tidied up: ${messageOf(error)}` })
    }
  }

  async function keepAll(): Promise<void> {
    for (const database of databases()) await keepOne(database)
  }

  return {
    async start() {
      cancel = clock.every(ROUND_MS, () => {
        round ??= keepAll().finally(() => (round = undefined))
      })
    },
    async stop() {
      cancel()
      await round
    },
  }
}

/** The databases of a system that are ready and have tables of topics. */
export function keptDatabases(
  { blueprint, snapshots }: Pick<PartsContext, 'blueprint' | 'snapshots'>,
  url: (database: string) => string,
): readonly KeptDatabase[] {
  return Object.values(snapshots.current().databases).flatMap(({ name, state }) => {
    const tables = state === 'ready' ? topicTablesOf(blueprint, name) : undefined
    return tables === undefined ? [] : [{ name, url: url(name), tables }]
  })
}

async function keepTables({ url, tables }: KeptDatabase): Promise<MaintainReport['held']> {
  const { topics, retentionMs } = tables
  const database = connectDatabase({ url, connectionsMax: 1 }, { applicationName: 'tenfold topics' })
  try {
    await maintainInbox(database)
    if (topics.length === 0) return []
    // Slices are dropped as a whole, so that one is never much of what is kept.
    const { held } = await maintainLog(database, { retentionMs, sliceMs: Math.min(SLICE_MS_MAX, retentionMs / 4) })
    return held
  } finally {
    await database.end()
  }
}
