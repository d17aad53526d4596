import type { Duration } from '../core/duration.ts'
import type { Engine } from './engine.ts'
import type { Carried } from './shape.ts'

/** An ordered stream of events that can be read again. Order holds within a partition, so among events of one key. */
export interface Topic<Event = unknown> extends Engine<'kafka'> {
  /**
   * Type of the events: a Standard Schema (zod), which is also checked on publishing, or `shape<Event>()`.
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
   * How many consumers can share the work; can only grow.
   * @example partitions: 12
   */
  partitions: number
  /**
   * How long events can be read again.
   * @default '7d'
   * @example retention: '7d'
   */
  retention?: Duration
}

type EventField<Event> = unknown extends Carried<Event> ? string : keyof Carried<Event> & string
