import { formatDuration } from '../../core/duration.ts'
import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { ReadCarrier } from './carrier.ts'
import { carrier } from './carrier.ts'
import { fromEnvironment } from './engine.ts'
import { checkEngine } from './held-engine.ts'
import type { Reader } from './reader.ts'
import { object, oneOf } from './reader.ts'
import { longDurationMs, number, text } from './value.ts'

export interface ReadTopic {
  readonly engine: 'postgres' | 'kafka' | 'rabbitmq' | undefined
  readonly url: { readonly env: string | undefined } | undefined
  readonly event: ReadCarrier | undefined
  readonly key: string | undefined
  readonly order: 'strict' | undefined
  readonly partitions: number | undefined
  readonly retention: number | undefined
  readonly keepUnread: number | undefined
  readonly database: string | undefined
}

const options = {
  engine: oneOf('postgres', 'kafka', 'rabbitmq'),
  url: fromEnvironment,
  event: carrier,
  key: text('a field of the event'),
  order: oneOf('strict'),
  partitions: number({ min: 1, max: 1024, isInteger: true }),
  retention,
  keepUnread: longDurationMs,
  database: text('the name of a database'),
}

/** A topic and what can be seen from it alone. */
export const topic: Reader<ReadTopic> = (given, place) => {
  const read = object({ what: 'a topic', options, required: ['key', 'partitions'] })(given, place)
  if (read === undefined) return undefined
  checkEngine(read, place, { what: 'a topic', runs: ['kafka', 'rabbitmq'] })
  checkKeepUnread(read, place)
  return read
}

/** How long events are kept at least, if nothing else is said. */
export const DEFAULT_RETENTION_MS: number = 7 * 86_400_000

function checkKeepUnread({ engine = 'postgres', keepUnread, retention: given }: ReadTopic, place: Place): void {
  if (keepUnread === undefined) return
  const at = place.at('keepUnread')
  if (engine !== 'postgres') {
    const what =
      engine === 'kafka' ? 'Kafka drops what is older than its retention' : 'RabbitMQ has its policies for that'
    at.invalid(`expected a topic in PostgreSQL, since ${what}`, "remove 'keepUnread'")
  } else if (keepUnread < (given ?? DEFAULT_RETENTION_MS)) {
    const retentionText = given === undefined ? '7d, the default' : formatDuration(given)
    at.invalid(
      `expected at least the retention (${retentionText}), got ${formatDuration(keepUnread)}`,
      'make it longer, or the retention shorter',
    )
  }
}

/** Longer than an inbox remembers, an event that is read again would have its effects again. */
const RETENTION_MAX_MS = 7 * 86_400_000
const RETENTION_MIN_MS = 60_000

function retention(given: unknown, place: Place): number | undefined {
  const ms = longDurationMs(given, place)
  if (ms === undefined || (ms >= RETENTION_MIN_MS && ms <= RETENTION_MAX_MS)) return ms
  return place.invalid(`expected a duration from 1m to 7d, got ${describeValue(given)}`, "write '7d', or less")
}
