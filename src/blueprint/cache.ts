import type { Duration } from '../core/duration.ts'
import type { Size } from '../core/size.ts'
import type { Engine } from './engine.ts'

/** Values kept close to the services that need them. */
export interface Cache<Value = unknown> extends Engine<'redis'> {
  /**
   * Type of the values: `shape<Recipe>()` or a Standard Schema.
   * @default unknown
   * @example value: shape<Recipe>()
   */
  value?: Value
  /**
   * How long a value is good.
   * @example ttl: '1h'
   */
  ttl: Duration
  /**
   * Memory per instance; the least recently used values leave first.
   * @default '64MiB'
   * @example capacity: '64MiB'
   */
  capacity?: Size
  /**
   * When a write reaches the store behind the cache.
   * @default 'read-through'
   * @example mode: 'write-through'
   */
  mode?: 'read-through' | 'write-through' | 'write-back'
  /**
   * `strong` reads the shared tier each time; `eventual` may be stale for a bounded moment.
   * @default 'eventual'
   * @example consistency: 'strong'
   */
  consistency?: 'eventual' | 'strong'
}
