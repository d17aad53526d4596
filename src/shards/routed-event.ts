/** Where it is published which keys go to which shard. */
export const ROUTED_CHANNEL = 'tenfold:shards:routed'

/** Published on `ROUTED_CHANNEL` for each statement and transaction of a key. */
export interface RoutedEvent {
  readonly database: string
  readonly shard: number
  readonly bucket: number
  /** As it was given. */
  readonly key: unknown
}
