import type { Duration } from '../core/duration.ts'
import type { Engine } from './engine.ts'
import type { Carried } from './shape.ts'

/** An ordered stream of events that can be read again. Order holds within a partition, so among events of one key. */
export interface Topic<Event = unknown, DatabaseName extends string = string> extends Engine<
  'postgres' | 'kafka' | 'rabbitmq'
> {
  /**
   * Type of the events: a Standard Schema (zod), which is checked where they are published and where they are read, or
   * `shape<Event>()`, which is not.
   * @default unknown
   * @example event: shape<Placed>()
   */
  event?: Event
  /**
   * The field by which events are put into partitions.
   * @example key: 'user_id'
   */
  key: EventField<NoInfer<Event>>
  /**
   * `strict`: transactions that publish events of the same key wait for each other's end, so that the events have the order
   * of the commits. Without, that needs a lock which they share anyway, such as that of the row that the event is about.
   * @default events of transactions that overlap and share no lock are in any order
   * @example order: 'strict'
   */
  order?: 'strict'
  /**
   * How many instances of a service can share the work, 1,024 at most. Fixed for the life of the topic: with another
   * number, keys would move, and lose their order.
   * @example partitions: 12
   */
  partitions: number
  /**
   * How long events are kept at least, from a minute to seven days; topics in one database share the longest.
   * @default '7d'
   * @example retention: '7d'
   */
  retention?: Duration
  /**
   * How long events are kept at most that a service has not read. After that they are dropped, and that service never gets
   * them. Not less than `retention`; for PostgreSQL only. It counts once every topic in the database has it, and the longest does.
   * @default as long as it takes: a service that reads no more holds them, and `status` says so
   * @example keepUnread: '30d'
   */
  keepUnread?: Duration
  /**
   * The database that holds the events; it has no shards. Of a topic on an engine elsewhere it holds what is published in a
   * transaction until it is there, the groups, and their dead letters.
   * @default the first of the blueprint that has no shards
   * @example database: 'orders'
   */
  database?: DatabaseName
}

type EventField<Event> = unknown extends Carried<Event> ? string : keyof Carried<Event> & string
