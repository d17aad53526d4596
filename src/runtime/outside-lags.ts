import { isDeepStrictEqual } from 'node:util'
import type { KafkaConnection } from '../backends/kafka/kafka-connection.ts'
import { connectKafka } from '../backends/kafka/kafka-connection.ts'
import { systemClock } from '../core/clock.ts'
import { connectDatabase } from '../sql/database.ts'
import type { OpenReader } from '../telemetry/read-every-second.ts'
import type { LagReader, LagReading } from '../topics/lag.ts'
import { createKafkaLagReader } from '../topics/logs/kafka/read-lag.ts'
import { topicsElsewhere } from '../topics/logs/postgres/move-topic.ts'
import { createRabbitLagReader } from '../topics/logs/rabbitmq/read-lag.ts'

/** @see openOutsideLags */
export interface OutsideLagsOptions {
  readonly kind: 'kafka' | 'rabbitmq'
  /** Of the server. */
  readonly url: string
  /** Of the database beside it, as its owner. */
  readonly databaseUrl: string
  /** Those that the blueprint has there, by name. */
  readonly topics: Readonly<Record<string, { readonly partitions: number; readonly groups: readonly string[] }>>
  /** Gets those that are there already; others are in PostgreSQL still. */
  readonly onElsewhere: (topics: ReadonlySet<string>) => void
}

/** Reads the lags of topics on an engine elsewhere, on connections that open with the first look. */
export function openOutsideLags(options: OutsideLagsOptions): OpenReader<LagReading> {
  return options.kind === 'rabbitmq' ? openRabbitLags(options) : openKafkaLags(options)
}

function openKafkaLags({ url, databaseUrl, topics, onElsewhere }: OutsideLagsOptions): OpenReader<LagReading> {
  const database = connectDatabase(
    { url: databaseUrl, connectionsMax: 1 },
    { applicationName: 'tenfold lag', acquireTimeout: '2s', connectTimeout: '2s', statementTimeout: '5s' },
  )
  let connection: KafkaConnection | undefined
  let there: readonly string[] = []
  let reader: LagReader | undefined
  return {
    async read() {
      // Here, where it may fail: a system without the client, or with a wrong address, is told so by what sets topics up.
      connection ??= connectKafka(url)
      const now = await topicsElsewhere(database, Object.keys(topics))
      if (reader === undefined || !isDeepStrictEqual(now, there)) {
        there = now
        reader = createKafkaLagReader({ connection, database, topics: now })
      }
      onElsewhere(new Set(now))
      return now.length === 0 ? { atMs: systemClock.nowMs(), topics: [], partitions: [] } : reader.read()
    },
    async close() {
      await Promise.all([connection?.end(), database.end()])
    },
  }
}

/** Topics do not move there: they are there from the start. */
function openRabbitLags({ url, topics, onElsewhere }: OutsideLagsOptions): OpenReader<LagReading> {
  const reader = createRabbitLagReader(url, { topics })
  return {
    read() {
      onElsewhere(new Set(Object.keys(topics)))
      return reader.read()
    },
    close: () => reader.end(),
  }
}
