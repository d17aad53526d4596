import type { ShardDatabase } from '../shard-layout.ts'

/** Where the shards of a database are, for whoever moves its buckets. */
export interface ReshardPlaces {
  /** How many there are, those without buckets included. */
  readonly count: number
  /** The primary of a shard, as a superuser; it follows failovers. */
  admin(shard: number): ShardDatabase
  /**
   * The URL by which the server of another shard reaches this one, with a user and password that may replicate and read
   * every table; asked again after a failover.
   */
  url(shard: number): string
  /**
   * Resolves when nothing that was committed on the shard until now has still to be published elsewhere. The move is given up
   * for the moment when it takes too long. @default nothing is published
   */
  drained?(shard: number, signal: AbortSignal): Promise<void>
}
