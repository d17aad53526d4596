import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { connectDatabase } from '../sql/database.ts'
import { postgresFrame } from './postgres-frame.ts'
import type { PostgresReading } from './postgres-statement.ts'
import { postgresStatement } from './postgres-statement.ts'

/** A server to watch. */
export interface WatchedDatabase {
  readonly name: string
  /** As a role that may see the sessions of others. */
  readonly url: string
}

/** @see createPostgresMetrics */
export interface PostgresMetricsOptions {
  /** Those that answer now; asked every second. */
  readonly databases: () => readonly WatchedDatabase[]
  readonly append: (frame: MetricFrame) => void
  readonly clock: Clock
  /** How a reader of a database is made. @default on a connection of its own */
  readonly open?: (database: WatchedDatabase) => PostgresReader
}

/** Reads one server. */
export interface PostgresReader {
  /** @throws what the server or the connection says */
  read(withSize: boolean): Promise<PostgresReading>
  close(): Promise<void>
}

const INTERVAL_MS = 1_000
/** The size of a database is looked at every so many seconds. */
const SIZE_INTERVAL = 30

interface Watch {
  readonly url: string
  readonly reader: PostgresReader
  before: PostgresReading | undefined
  isAsking: boolean
  asked: number
}

/**
 * Reports a frame of every database once a second: one short statement on one connection each, and never the next
 * before the last has been answered. A server that does not answer has no frames; it is asked again every second.
 */
export function createPostgresMetrics(options: PostgresMetricsOptions): Component {
  const { databases, append, clock, open = openReader } = options
  const watches = new Map<string, Watch>()
  const under = new Set<Promise<void>>()
  let cancel: Cancel | undefined

  async function look(name: string, watch: Watch): Promise<void> {
    watch.isAsking = true
    try {
      const now = await watch.reader.read(watch.asked++ % SIZE_INTERVAL === 0)
      if (watches.get(name) !== watch || cancel === undefined) return
      append(postgresFrame(name, watch.before, now, clock.epochMs()))
      watch.before = now
    } catch {
      // Down, restarting, or too busy to say: the second without a frame tells. What comes next is not compared.
      watch.before = undefined
    } finally {
      watch.isAsking = false
    }
  }

  function lookAtAll(): void {
    const wanted = new Map(databases().map((database) => [database.name, database]))
    for (const [name, { url, reader }] of watches) {
      if (wanted.get(name)?.url === url) continue
      watches.delete(name)
      track(reader.close())
    }
    for (const [name, database] of wanted) {
      let watch = watches.get(name)
      if (watch === undefined) {
        watch = { url: database.url, reader: open(database), before: undefined, isAsking: false, asked: 0 }
        watches.set(name, watch)
      }
      if (!watch.isAsking) track(look(name, watch))
    }
  }

  function track(work: Promise<void>): void {
    const tracked = work.catch(() => undefined).finally(() => under.delete(tracked))
    under.add(tracked)
  }

  return {
    start(signal) {
      if (signal?.aborted === true) {
        return Promise.reject(new TenfoldError('TF_ABORTED', 'expected to watch the databases, but it was stopped'))
      }
      cancel ??= clock.every(INTERVAL_MS, lookAtAll, { unref: true })
      return Promise.resolve()
    },
    async stop() {
      cancel?.()
      cancel = undefined
      for (const { reader } of watches.values()) track(reader.close())
      watches.clear()
      await Promise.all(under)
    },
  }
}

/** A reader on one connection, opened with the first look and again after it was lost. */
export function openReader({ url }: WatchedDatabase): PostgresReader {
  const connection: DatabaseConnection = connectDatabase(
    { url, connectionsMax: 1 },
    {
      applicationName: 'tenfold telemetry',
      acquireTimeout: '900ms',
      connectTimeout: '900ms',
      statementTimeout: '900ms',
    },
  )
  let text: string | undefined
  return {
    async read(withSize) {
      if (text === undefined) {
        const { rows } = await connection.query<{ version: number }>(
          `select current_setting('server_version_num')::int as version`,
        )
        text = postgresStatement(rows[0]!.version)
      }
      const { rows } = await connection.query<PostgresReading>(text, [withSize])
      return rows[0]!
    },
    close: () => connection.end(),
  }
}
